/** Wildcards of seccomp sets (appc §3.7, rkt-cli.md §1.7): what `@SCOPE/NAME` stands for. */
import { allowRules, deniedNames, words } from './default-list';
import { KNOWN } from './known';
import { SYSTEMD_GROUPS } from './systemd-groups';

/** Those of other scopes than `@systemd`, which has the groups of systemd.exec(5) and the list below. */
const NAMES = [
  '@appc.io/all',
  '@appc.io/empty',
  '@docker/default-blacklist',
  '@docker/default-whitelist',
  '@rkt/default-blacklist',
  '@rkt/default-whitelist',
] as const;

/** Groups that systemd-nspawn(1) allows: what rkt called `@systemd/default-whitelist`. */
const NSPAWN = `@basic-io @default @file-system @io-event @ipc @mount @network-io @process @resources @setuid @signal @sync
  @system-service @timer`;

const SYSTEMD = '@systemd/';

export const isWildcard = (name: string): boolean => name.startsWith('@');

/** Whether a wildcard stands for anything. */
export function isKnownWildcard(name: string): boolean {
  if (!name.startsWith(SYSTEMD)) return NAMES.some((known) => known === name);
  const group = name.slice(SYSTEMD.length);
  return ['default-whitelist', 'known'].includes(group) || Object.hasOwn(SYSTEMD_GROUPS, group);
}

export const WILDCARDS: readonly string[] = [
  ...NAMES,
  ...['default-whitelist', 'known', ...Object.keys(SYSTEMD_GROUPS)].map((group) => `${SYSTEMD}${group}`),
];

/** Names of system calls, for a name of one or a wildcard. The whitelists' conditions are not among names: see rules.ts. */
export function namesOf(item: string): readonly string[] {
  if (!isWildcard(item)) return [item];
  if (item.startsWith(SYSTEMD)) return group(item.slice(SYSTEMD.length), new Set());
  switch (item) {
    case '@appc.io/all':
      return group('known', new Set());
    case '@docker/default-blacklist':
    case '@rkt/default-blacklist':
      return deniedNames(new Set());
    case '@docker/default-whitelist':
    case '@rkt/default-whitelist':
      return allowRules(new Set()).flatMap(({ syscall, action }) => (action === 'allow' ? [syscall] : []));
    default:
      return []; // @appc.io/empty
  }
}

function group(name: string, seen: Set<string>): readonly string[] {
  if (seen.has(name)) return [];
  seen.add(name);
  const expand = (text: string): readonly string[] =>
    words(text).flatMap((word) => (isWildcard(word) ? group(word.slice(1), seen) : [word]));
  if (name === 'known') return expand(`${KNOWN} @obsolete`);
  return expand(name === 'default-whitelist' ? NSPAWN : (SYSTEMD_GROUPS[name] ?? ''));
}
