/** Volumes: made or opened once per pod below /volumes of the pod-level root, bound from there into each app. */
import { property, type UnitProperty } from '../../units/properties';
import { type MountFlag, type Op, op } from './op';
import { type AppSpec, type HostSource, hostId, type PodSpec, type SourceKind, type VolumeSpec } from './spec';

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

/** Devices among an app's volumes, as rules of the operation `devices`, for an app that has such rules. */
export const volumeDevices = (pod: Pick<PodSpec, 'volumes'>, { root }: AppSpec): readonly string[] =>
  root.mounts.flatMap(({ volume, readOnly }) => {
    const from = pod.volumes.find(({ key }) => key === volume)?.from;
    if (from?.kind !== 'host' || from.what.kind !== 'device') return [];
    const { type, major, minor } = from.what;
    return [`${type === 'block' ? 'b' : 'c'} ${major}:${minor} ${readOnly ? 'r' : 'rw'}`];
  });

/** What the pod's unit must allow for that, since it bounds its apps: `/dev/char/10:200` and `r` or `rw` each. */
export function volumeDeviceAllow(pod: Pick<PodSpec, 'volumes' | 'apps'>): readonly UnitProperty[] {
  const rules = new Set(pod.apps.flatMap((app) => volumeDevices(pod, app)));
  const allowed = [...rules].map((rule): readonly [string, string] => {
    const [type, numbers, access = 'r'] = rule.split(' ');
    return [`/dev/${type === 'b' ? 'block' : 'char'}/${numbers}`, access];
  });
  return allowed.length === 0 ? [] : [property('DeviceAllow', allowed)];
}
