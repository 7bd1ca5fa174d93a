/** From a policy to the rules of its filter. */
import type { Capability } from '../capabilities';
import { allowRules, deniedNames } from './default-list';
import { type Action, ENOSYS, EPERM, type Filter, type Rule } from './filter';
import type { SeccompPolicy } from './policy';
import { namesOf } from './sets';

/**
 * Without these no program begins or ends: execve of the app itself, its exits, the return from a signal handler, and what the
 * kernel makes of a call that a signal interrupted. No set takes them away (appc I10).
 */
export const LIFE_CYCLE = ['execve', 'exit', 'exit_group', 'restart_syscall', 'rt_sigreturn', 'sigreturn'] as const;

const WHITELISTS = ['@docker/default-whitelist', '@rkt/default-whitelist'];

/** @param held the app's capabilities: what they permit, the default lists do not refuse */
export function filterOf(policy: SeccompPolicy, held: ReadonlySet<Capability>): Filter {
  const refusal: Action = policy.errno ?? 'kill';
  switch (policy.mode) {
    case 'default':
      return { otherwise: EPERM, foreign: ENOSYS, newerAreUnknown: true, rules: allowRules(held) };
    case 'remove':
      return removing(policy.set, refusal, held);
    case 'retain':
      return { otherwise: refusal, foreign: refusal, newerAreUnknown: false, rules: retained(policy.set, held) };
  }
}

/** The set and the default blacklist (appc I7); nothing else is refused, by whatever conventions it is called. */
function removing(set: readonly string[], refusal: Action, held: ReadonlySet<Capability>): Filter {
  if (set.includes('@appc.io/all')) {
    return { otherwise: refusal, foreign: refusal, newerAreUnknown: false, rules: LIFE_CYCLE.map(allow) };
  }
  const kept = new Set<string>(LIFE_CYCLE);
  const refused = new Set([...set.flatMap(namesOf), ...deniedNames(held)].filter((name) => !kept.has(name)));
  return {
    otherwise: 'allow',
    foreign: refusal,
    newerAreUnknown: false,
    rules: [...refused].sort().map((syscall) => ({ syscall, action: refusal })),
  };
}

const allow = (syscall: string): Rule => ({ syscall, action: 'allow' });

/** What is named is allowed whatever its arguments, even where a whitelist of the same set has conditions. */
function retained(set: readonly string[], held: ReadonlySet<Capability>): readonly Rule[] {
  const named = new Set([...LIFE_CYCLE, ...set.filter((item) => !WHITELISTS.includes(item)).flatMap(namesOf)]);
  const listed = set.some((item) => WHITELISTS.includes(item)) ? allowRules(held) : [];
  return [...[...named].sort().map(allow), ...listed.filter(({ syscall }) => !named.has(syscall))];
}
