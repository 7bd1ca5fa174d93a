/** Volumes: made or opened once per pod below /volumes of the pod-level root, bound from there into each app. */
import type { MountFlag, Op } from './op';
import { type AppSpec, type HostSource, hostId, type PodSpec, type SourceKind, type VolumeSpec } from './spec';

const op = (name: Op['name'], ...args: readonly string[]): Op => ({ name, args });

const place = (key: string): string => `/volumes/${key}`;

/** Directory of a pod that holds a volume on its disk: made by stage0, named here and there by this function only. */
export const volumeDirectory = (podDirectory: string, key: string): string => `${podDirectory}/volumes/${key}`;

/**
 * A volume brings neither setuid programs nor devices: with them, whoever may write to it outside of the pod would be root in
 * it. A device that is the volume itself is wanted.
 */
function hostFlags({ what, recursive, propagation, follow }: HostSource, readOnly: boolean): readonly MountFlag[] {
  return [
    'nosuid',
    ...(what.kind === 'device' ? (['noexec'] as const) : (['nodev'] as const)),
    ...(recursive ? (['recursive'] as const) : []),
    ...(readOnly ? (['rro'] as const) : []),
    ...(propagation === 'private' ? [] : ([propagation] as const)),
    ...(follow ? [] : (['nofollow'] as const)),
  ];
}

/** Files are owned in the pod by whom they are owned on disk. Nodes of /dev cannot be mapped: their file system cannot. */
const owners = ({ users }: PodSpec, what?: SourceKind): readonly MountFlag[] =>
  users === undefined || what?.kind === 'device' ? [] : ['idmap'];

function volumeOp(pod: PodSpec, { key, from, readOnly }: VolumeSpec): Op {
  switch (from.kind) {
    case 'host':
      return op('bind', from.path, place(key), ...hostFlags(from, readOnly === true), ...owners(pod, from.what));
    case 'disk':
      return op('bind', volumeDirectory(pod.directory, key), place(key), 'nosuid', 'nodev', ...owners(pod));
    case 'memory': {
      const [uid, gid] = [hostId(pod.users, from.uid), hostId(pod.users, from.gid)];
      const options = [`mode=${from.mode.toString(8)}`, `uid=${uid}`, `gid=${gid}`];
      const size = from.size === undefined ? [] : [`size=${from.size}`];
      return op('mount', 'tmpfs', place(key), ...options, ...size, '-', 'nosuid', 'nodev');
    }
  }
}

export const podVolumes = (pod: PodSpec): readonly Op[] => pod.volumes.map((volume) => volumeOp(pod, volume));

/** What a file of the image has in the target's place gives way to a directory (appc V4). */
export const appVolumes = ({ root }: AppSpec): readonly Op[] =>
  root.mounts.map(({ volume, target, readOnly }) =>
    op('bind', place(volume), target, 'recursive', 'replace', ...(readOnly ? ['rro'] : [])),
  );

/** The devices that apps may open: what the pod's device policy has to allow. `/dev/char/1:3` and `r` or `rw`. */
export const deviceRules = (pod: Pick<PodSpec, 'volumes' | 'apps'>): readonly (readonly [string, string])[] =>
  pod.volumes.flatMap(({ key, from }) => {
    if (from.kind !== 'host' || from.what.kind !== 'device') return [];
    const { type, major, minor } = from.what;
    const uses = pod.apps.flatMap(({ root }) => root.mounts.filter(({ volume }) => volume === key));
    return [[`/dev/${type}/${major}:${minor}`, uses.every(({ readOnly }) => readOnly) ? 'r' : 'rw'] as const];
  });
