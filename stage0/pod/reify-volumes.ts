/**
 * Which volume is where in which app: a pod's volumes, mounts and the mount points of its images, made explicit (appc D4), as
 * they are then written into the pod manifest. Pure.
 */

import { cleanPath } from '#kernel/clean-path';
import { PodctlError } from '#kernel/errors';
import { followsDocker } from '../../stage2/conventions';
import type { EmptyVolume, HostVolume, Mount, Volume } from '../image/pod-schema';
import type { MountPoint } from '../image/schema';
import type { RuntimeApp } from './manifest';

/** A volume with everything that the specification has a default for (appc D3). */
export type ReifiedVolume =
  | (HostVolume & Required<Pick<HostVolume, 'recursive'>>)
  | (EmptyVolume & Required<Pick<EmptyVolume, 'mode' | 'uid' | 'gid'>>);

export interface ReifiedPod {
  readonly apps: readonly RuntimeApp[];
  readonly volumes: readonly ReifiedVolume[];
}

const MAX_NAME = 63;

export const reifyVolume = (volume: Volume): ReifiedVolume =>
  volume.kind === 'host'
    ? { ...volume, recursive: volume.recursive ?? true }
    : { ...volume, mode: volume.mode ?? '0755', uid: volume.uid ?? 0, gid: volume.gid ?? 0 };

/** Mounts of the pod and of one app: on the same path the app's own counts (rkt-cli.md §1.3). */
export function mergeMounts(pod: readonly Mount[], own: readonly Mount[]): readonly Mount[] {
  const taken = new Set(own.map(({ path }) => cleanPath(path)));
  return [...own, ...pod.filter(({ path }) => !taken.has(cleanPath(path)))];
}

/** The mount point that a mount satisfies: that of its path. */
export const mountPointOf = ({ app }: RuntimeApp, mount: Mount): MountPoint | undefined =>
  app.mountPoints?.find(({ path }) => cleanPath(path) === cleanPath(mount.path));

/**
 * Gives every mount point a volume: by a mount on its path, by its name, or a new empty one (with a warning).
 * @throws PodctlError `mount-dangling` if a mount names no volume; `usage` if two volumes have one name
 */
export function reifyVolumes(
  apps: readonly RuntimeApp[],
  declared: readonly Volume[],
  warn: (message: string) => void,
): ReifiedPod {
  const volumes = new Map<string, ReifiedVolume>();
  for (const volume of declared) {
    if (volumes.has(volume.name)) throw new PodctlError('usage', `two volumes are called "${volume.name}"`);
    volumes.set(volume.name, reifyVolume(volume));
  }
  const reified = apps.map((app) => {
    for (const mount of app.mounts) requireVolume(mount, volumes);
    const paths = new Set(app.mounts.map(({ path }) => cleanPath(path)));
    const unsatisfied = (app.app.mountPoints ?? []).filter(({ path }) => !paths.has(cleanPath(path)));
    const found = unsatisfied.map(({ name, path }): Mount => {
      if (volumes.has(name)) return { volume: name, path };
      const volume = freeName(`${app.name}-${name}`, volumes);
      // Docker's images count on it.
      const tell = followsDocker(app.annotations) ? () => undefined : warn;
      tell(
        `app "${app.name}": no volume specified for mount point "${name}", implicitly creating the empty volume "${volume}", ` +
          'which goes with the pod',
      );
      volumes.set(volume, reifyVolume({ name: volume, kind: 'empty' }));
      return { volume, path };
    });
    const mounts = app.mounts.map((mount) =>
      mount.appVolume === undefined ? mount : { ...mount, appVolume: reifyVolume(mount.appVolume) },
    );
    return { ...app, mounts: [...mounts, ...found] };
  });
  warnOfUnused(reified, volumes, warn);
  return { apps: reified, volumes: [...volumes.values()] };
}

function requireVolume({ volume, path, appVolume }: Mount, volumes: ReadonlyMap<string, Volume>): void {
  if (appVolume !== undefined || volumes.has(volume)) return;
  throw new PodctlError('mount-dangling', `dangling mount point "${path}": volume "${volume}" not found`);
}

/** `wanted`, cut to the length of an AC Name, or the first of `wanted-2`, `wanted-3` … that no volume has. */
function freeName(wanted: string, taken: ReadonlyMap<string, unknown>): string {
  for (let n = 1; ; n += 1) {
    const suffix = n === 1 ? '' : `-${n}`;
    const name = `${wanted.slice(0, MAX_NAME - suffix.length).replace(/-+$/, '')}${suffix}`;
    if (!taken.has(name)) return name;
  }
}

function warnOfUnused(
  apps: readonly RuntimeApp[],
  volumes: ReadonlyMap<string, Volume>,
  warn: (message: string) => void,
): void {
  const used = new Set(apps.flatMap(({ mounts }) => mounts.map(({ volume }) => volume)));
  const unused = [...volumes.keys()].filter((name) => !used.has(name));
  if (unused.length > 0) warn(`no app mounts ${unused.map((name) => `volume "${name}"`).join(', ')}: ignored`);
}
