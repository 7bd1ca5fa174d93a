/** What an app's root will be: which volumes are where in it, and which of its directories stay writable. */
import type { AbsPath } from '#kernel/brand';
import { cleanPath, isWithin } from '#kernel/clean-path';
import { PodctlError } from '#kernel/errors';
import { isReserved, KERNEL_DIRECTORIES } from '../../stage1/plan/mounts';
import type { MountSpec, RootSpec, VolumeSpec } from '../../stage1/plan/spec';
import { followsDocker } from '../../stage2/conventions';
import type { Mount } from '../image/pod-schema';
import type { RuntimeApp } from './manifest';
import { mountPointOf } from './reify-volumes';
import type { Resolved, TreeView } from './tree-view';
import { volumeKey } from './volume-sources';

/** As podman's --read-only has it: what programs without a home of their own write to. */
const WRITABLE = ['/run', '/tmp', '/var/tmp'] as const;

/**
 * @param warn told what of the image is obscured (appc V5)
 * @throws PodctlError `mount-target-refused`, `mount-overlap` (appc V6), `volume-unfit`, `image-unfit`
 */
export function rootOf(
  runtime: RuntimeApp,
  volumes: ReadonlyMap<string, VolumeSpec>,
  view: TreeView,
  warn: (message: string) => void,
): RootSpec {
  for (const directory of KERNEL_DIRECTORIES) requireDirectory(runtime, directory, view);
  const mounts = runtime.mounts.map((mount) => mountSpec(runtime, mount, volumes, view, warn));
  requireApart(runtime, mounts);
  const etc = view.resolve('/etc' as AbsPath).path;
  return {
    mounts,
    readOnly: runtime.readOnlyRootFS,
    writable: runtime.readOnlyRootFS ? writableOf(mounts, view) : [],
    etc,
    hasHosts: view.kindOf('/etc/hosts') !== 'missing',
  };
}

/** A link there would put the kernel's file systems, and what protects them, somewhere else. */
function requireDirectory({ name }: RuntimeApp, path: string, view: TreeView): void {
  const kind = view.entryOf(path);
  if (kind === 'missing' || kind === 'directory') return;
  throw new PodctlError('image-unfit', `app "${name}": ${path} of its image is not a directory`);
}

function mountSpec(
  runtime: RuntimeApp,
  mount: Mount,
  volumes: ReadonlyMap<string, VolumeSpec>,
  view: TreeView,
  warn: (message: string) => void,
): MountSpec {
  const key = volumeKey(runtime.name, mount);
  const volume = volumes.get(key);
  if (volume === undefined) throw new PodctlError('internal', `volume "${key}" was not looked up`);
  const written = cleanPath(mount.path);
  const { path: target, kind } = resolveTarget(runtime, written, view);
  for (const path of [written, target]) {
    if (isReserved(path)) throw refused(runtime, mount, `${path} is the kernel's or podctl's own`);
  }
  const isDirectory = volume.from.kind !== 'host' || volume.from.what.kind === 'directory';
  if (kind === 'directory' && !isDirectory) {
    throw refused(runtime, mount, 'it is a directory of the image, and the volume is none');
  }
  const obscured = `app "${runtime.name}": volume "${mount.volume}" at ${target}`;
  if (kind === 'other' && isDirectory) warn(`${obscured} replaces the file that the image has there`);
  const beginsWithImage = kind === 'directory' && volume.from.kind === 'disk' && followsDocker(runtime.annotations);
  if (kind === 'directory' && !beginsWithImage && view.hasEntries(target))
    warn(`${obscured} obscures what the image has there`);
  const readOnly = volume.readOnly ?? mountPointOf(runtime, mount)?.readOnly ?? false;
  requireKeepable(volume, readOnly);
  return { volume: key, target, readOnly, ...(beginsWithImage ? { beginsWithImage } : {}) };
}

function resolveTarget(runtime: RuntimeApp, path: AbsPath, view: TreeView): Resolved {
  // The image's /dev is hidden behind the app's own, whatever links are in it.
  if (isWithin(path, '/dev')) return { path, kind: 'missing' };
  try {
    return view.resolve(path);
  } catch (error) {
    if (!(error instanceof PodctlError)) throw error;
    throw new PodctlError(error.code, `app "${runtime.name}": ${error.message}`, { cause: error });
  }
}

const refused = ({ name }: RuntimeApp, { volume, path }: Mount, why: string): PodctlError =>
  new PodctlError('mount-target-refused', `app "${name}": volume "${volume}" cannot be mounted on "${path}": ${why}`);

/** A mount that comes from the host later is as writable as it is there. */
function requireKeepable({ key, from }: VolumeSpec, readOnly: boolean): void {
  if (!readOnly || from.kind !== 'host' || from.propagation === 'private') return;
  throw new PodctlError(
    'volume-unfit',
    `volume "${key}" cannot be read-only with propagation=${from.propagation}: what the host mounts in it later would be writable`,
    { hint: 'leave out one of the two' },
  );
}

/** V6: neither one place for two, nor one in the other. */
function requireApart({ name, mounts: written }: RuntimeApp, mounts: readonly MountSpec[]): void {
  const places = mounts
    .map(({ target }, index) => ({ key: `${target}/`, target, written: written[index]?.path ?? target }))
    // Whatever is within a directory follows it at once in this order.
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  for (const [index, later] of places.entries()) {
    const earlier = places[index - 1];
    if (earlier === undefined || !later.key.startsWith(earlier.key)) continue;
    const shown = (place: typeof later): string =>
      cleanPath(place.written) === place.target ? `"${place.target}"` : `"${place.written}" (${place.target})`;
    throw new PodctlError(
      'mount-overlap',
      `app "${name}": mount targets ${shown(earlier)} and ${shown(later)} overlap`,
    );
  }
}

/** Without those that are a volume, or in one. */
function writableOf(mounts: readonly MountSpec[], view: TreeView): readonly AbsPath[] {
  const found = WRITABLE.map((path) => view.resolve(path as AbsPath)).flatMap(({ path, kind }) =>
    kind === 'other' || isReserved(path) || mounts.some(({ target }) => isWithin(path, target)) ? [] : [path],
  );
  return [...new Set(found)].sort();
}
