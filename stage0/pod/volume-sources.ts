/** The volumes that a pod's apps mount, with what the host has to say about their sources. */
import fs from 'node:fs';
import { type AbsPath, isAbsPath } from '#kernel/brand';
import { isErrno, PodctlError } from '#kernel/errors';
import type { HostSource, SourceKind, VolumeSpec } from '../../stage1/plan/spec';
import type { Mount, Volume } from '../image/pod-schema';
import type { RuntimeApp } from './manifest';
import { type ReifiedVolume, reifyVolume } from './reify-volumes';
import type { OpenPort } from './tree-view';

const O_PATH = 0o10000000;
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_NO_SYMLINKS = 0x04;

/** The name under which a pod knows the volume of a mount: no AC Name has a dot, so no two volumes share one. */
export const volumeKey = (app: string, { volume, appVolume }: Mount): string =>
  appVolume === undefined ? volume : `${app}.${appVolume.name}`;

/**
 * Every volume that some app mounts, in the order of the apps.
 * @throws PodctlError `volume-source-missing` (appc V8), `volume-source-symlink` (V10, V11), `volume-unfit`, `mount-dangling`
 */
export function volumeSpecs(
  apps: readonly RuntimeApp[],
  volumes: readonly Volume[],
  port: OpenPort,
): ReadonlyMap<string, VolumeSpec> {
  const declared = new Map(volumes.map((volume) => [volume.name, reifyVolume(volume)]));
  const found = new Map<string, { readonly volume: ReifiedVolume; readonly spec: VolumeSpec }>();
  for (const { name, mounts } of apps) {
    for (const mount of mounts) {
      const key = volumeKey(name, mount);
      const volume = mount.appVolume === undefined ? declared.get(key) : reifyVolume(mount.appVolume);
      if (volume === undefined) {
        throw new PodctlError('mount-dangling', `dangling mount point "${mount.path}": volume "${key}" not found`);
      }
      const before = found.get(key);
      if (before === undefined) found.set(key, { volume, spec: volumeSpec(key, volume, port) });
      else if (JSON.stringify(before.volume) !== JSON.stringify(volume)) {
        throw new PodctlError('volume-unfit', `app "${name}" has two volumes of its own called "${volume.name}"`);
      }
    }
  }
  return new Map([...found].map(([key, { spec }]) => [key, spec]));
}

function volumeSpec(key: string, volume: ReifiedVolume, port: OpenPort): VolumeSpec {
  const { readOnly } = volume;
  if (volume.kind === 'host') return { key, readOnly, from: hostSource(volume, port) };
  const { uid, gid, medium, size } = volume;
  const mode = Number.parseInt(volume.mode, 8);
  return {
    key,
    readOnly,
    from: medium === undefined ? { kind: 'disk', mode, uid, gid } : { kind: 'memory', mode, uid, gid, size },
  };
}

type ReifiedHostVolume = Extract<ReifiedVolume, { kind: 'host' }>;

function hostSource(volume: ReifiedHostVolume, port: OpenPort): HostSource {
  const path = (volume.source.replace(/\/+/g, '/').replace(/(.)\/$/, '$1') || '/') as AbsPath;
  if (!isAbsPath(path)) {
    throw new PodctlError('volume-unfit', `volume "${volume.name}": source "${volume.source}" is not a plain path`, {
      hint: 'name it without . and ..',
    });
  }
  const follow = volume.follow ?? false;
  return {
    kind: 'host',
    path,
    what: inspect(volume.name, path, follow, port),
    recursive: volume.recursive,
    propagation: volume.propagation ?? 'private',
    follow,
  };
}

function inspect(name: string, path: AbsPath, follow: boolean, port: OpenPort): SourceKind {
  const root = fs.openSync('/', O_PATH | fs.constants.O_DIRECTORY);
  let fd: number | undefined;
  try {
    fd = port.openat2(root, path, O_PATH, 0, RESOLVE_NO_MAGICLINKS | (follow ? 0 : RESOLVE_NO_SYMLINKS));
    return kindOf(fs.fstatSync(fd));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) {
      throw new PodctlError('volume-source-missing', `volume "${name}": there is no ${path} on the host`);
    }
    if (isErrno(error, 'ELOOP')) throw symlinkOnTheWay(name, path);
    throw error;
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
    fs.closeSync(root);
  }
}

function kindOf(stat: fs.Stats): SourceKind {
  if (stat.isDirectory()) return { kind: 'directory' };
  if (!stat.isBlockDevice() && !stat.isCharacterDevice()) return { kind: 'file' };
  const major = ((stat.rdev >> 8) & 0xfff) + Math.floor(stat.rdev / 2 ** 44) * 0x1000;
  const minor = (stat.rdev & 0xff) | ((stat.rdev >> 12) & 0xfff00);
  return { kind: 'device', type: stat.isBlockDevice() ? 'block' : 'char', major, minor };
}

/** Names the first link, and where the way would lead. */
function symlinkOnTheWay(volume: string, path: AbsPath): PodctlError {
  const prefixes = path
    .split('/')
    .slice(1)
    .map((_, index, parts) => `/${parts.slice(0, index + 1).join('/')}`);
  const link = prefixes.find((prefix) => fs.lstatSync(prefix, { throwIfNoEntry: false })?.isSymbolicLink());
  let real: string | undefined;
  try {
    real = fs.realpathSync(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EINVAL')) throw error; // EINVAL: no link any more
  }
  const hint = real === undefined ? {} : { hint: `name ${real}, or allow links with follow=true` };
  return new PodctlError(
    'volume-source-symlink',
    `volume "${volume}": ${link ?? 'something'} is a symbolic link${link === path ? '' : ` on the way to ${path}`}`,
    hint,
  );
}
