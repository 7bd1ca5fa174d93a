/** The system call filter of an app (appc I7–I10). */
import { errnoNumber } from '../seccomp/errno';
import type { SeccompPolicy } from '../seccomp/policy';
import { LIFE_CYCLE } from '../seccomp/rules';
import { isKnownWildcard, isWildcard } from '../seccomp/sets';
import type { IsolatorRow, Place } from './types';
import { invalid, members, names, text } from './values';

export const SECCOMP_RETAIN = 'os/linux/seccomp-retain-set';
export const SECCOMP_REMOVE = 'os/linux/seccomp-remove-set';

/** More names than there are system calls; longer ones than any has. */
const MAX_NAMES = 1024;
const NAME = /^@?[a-z_][a-z0-9_./-]{0,63}$/;

/** `{set, errno?}` */
const row = (mode: 'remove' | 'retain'): IsolatorRow => ({
  scopes: ['app'],
  plan(value, { beside }: Place) {
    if (beside.has(SECCOMP_RETAIN) && beside.has(SECCOMP_REMOVE)) {
      throw invalid(`${SECCOMP_RETAIN} and ${SECCOMP_REMOVE} exclude each other`);
    }
    const found = members(value, ['set', 'errno']);
    const set = setOf(found.get('set'));
    if (mode === 'remove') requireLife(set);
    const policy: SeccompPolicy = { mode, set, errno: errnoOf(found.get('errno')) };
    return [{ kind: 'seccomp', policy }];
  },
});

/** The calls of `set`, and those of the default blacklist, are refused. */
export const seccompRemove = row('remove');
/** All others are refused. */
export const seccompRetain = row('retain');

function setOf(value: unknown): readonly string[] {
  const set = [...names(value, 'set')].sort();
  if (set.length === 0) throw invalid('"set" is empty');
  if (set.length > MAX_NAMES) throw invalid(`"set" has more than ${MAX_NAMES} names`);
  for (const name of set) {
    if (!NAME.test(name)) throw invalid(`${JSON.stringify(name.slice(0, 60))} is not the name of a system call`);
    if (isWildcard(name) && !isKnownWildcard(name)) throw invalid(`there is no wildcard "${name}"`);
  }
  return set;
}

/** A program that may not be executed has nothing to be filtered. */
function requireLife(set: readonly string[]): void {
  const fatal = set.find((name) => LIFE_CYCLE.some((vital) => vital === name));
  if (fatal !== undefined) throw invalid(`without "${fatal}" no app begins or ends`);
}

function errnoOf(value: unknown): number | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const number = errnoNumber(text(value, '"errno"'));
  if (number === undefined) throw invalid(`there is no error "${String(value).slice(0, 60)}"`);
  return number;
}
