/** os/unix/sysctl: settings of the kernel that a namespace of the pod has for itself (appc I14). */
import { PodctlError } from '#kernel/errors';
import { type Effect, IsolatorProblem, type IsolatorRow } from './types';
import { invalid, members, text } from './values';

export type SysctlNamespace = 'net' | 'ipc' | 'uts';

const IPC = [
  'kernel/msgmax',
  'kernel/msgmnb',
  'kernel/msgmni',
  'kernel/sem',
  'kernel/shmall',
  'kernel/shmmax',
  'kernel/shmmni',
  'kernel/shm_rmid_forced',
  'kernel/msg_next_id',
  'kernel/sem_next_id',
  'kernel/shm_next_id',
];
// biome-ignore format: above, a table

const MAX_VALUE = 4096;

/** Whose setting it is; undefined for one of the whole host. `key` with slashes. */
export function namespaceOf(key: string): SysctlNamespace | undefined {
  if (key.startsWith('net/')) return 'net';
  if (IPC.includes(key) || key.startsWith('fs/mqueue/')) return 'ipc';
  return key === 'kernel/domainname' ? 'uts' : undefined;
}

/** As sysctl(8) reads names: what comes first, a dot or a slash, separates; the other one is part of a name (`eth0.7`). */
export function keyOf(written: string): string {
  const separator = /[./]/.exec(written)?.[0];
  const key = separator === '.' ? written.replace(/[./]/g, (found) => (found === '.' ? '/' : '.')) : written;
  if (key.length <= 255 && /^[a-z0-9_]+(?:\/[A-Za-z0-9_.:@-]+)+$/.test(key) && !/(?:^|\/)\.{1,2}(?:\/|$)/.test(key))
    return key;
  throw invalid(`"${written.slice(0, 60)}" is not the name of a sysctl`);
}

const HOSTNAME_HINT = 'name the host with --hostname';

/** `{KEY: VALUE}` */
export const sysctl: IsolatorRow = {
  scopes: ['pod'],
  plan(value) {
    if (typeof value !== 'object' || value === null) throw invalid('its value must be an object of strings');
    return [...members(value, Object.keys(value))].map(([written, setting]) => {
      const key = keyOf(written);
      if (namespaceOf(key) === undefined) {
        const hint =
          key === 'kernel/hostname' ? HOSTNAME_HINT : 'a pod may set net.*, the limits of System V IPC and fs.mqueue.*';
        throw new IsolatorProblem('refused', `${written} is not a setting of the pod's own`, hint);
      }
      const string = text(typeof setting === 'number' ? String(setting) : setting, `the value of ${written}`);
      if (string.length > MAX_VALUE || string.includes('\n'))
        throw invalid(`the value of ${written} is not one short line`);
      return { kind: 'sysctl', key, value: string };
    });
  },
};

/**
 * Refuses settings of a namespace that the pod shares with its host: they would be the host's.
 * @throws PodctlError `isolator-refused`
 */
export function requireOwnNamespaces(effects: readonly Effect[], own: readonly SysctlNamespace[]): void {
  for (const effect of effects) {
    const namespace = effect.kind === 'sysctl' ? namespaceOf(effect.key) : undefined;
    if (effect.kind !== 'sysctl' || namespace === undefined || own.includes(namespace)) continue;
    throw new PodctlError(
      'isolator-refused',
      `pod: isolator os/unix/sysctl: ${effect.key} would be set for the whole host`,
      {
        hint: `the pod shares the ${namespace} namespace of the host`,
      },
    );
  }
}
