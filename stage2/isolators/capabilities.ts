/** The bounding set of an app (appc I11, I12). */
import { CAPABILITIES, type Capability, DEFAULT_CAPABILITIES } from '../capabilities';
import type { IsolatorRow, Place } from './types';
import { invalid, members, names } from './values';

export const RETAIN = 'os/linux/capabilities-retain-set';
export const REMOVE = 'os/linux/capabilities-remove-set';

/** `CAP_CHOWN`, `cap_chown`, `chown`. @throws IsolatorProblem `invalid` */
export function capabilityNamed(written: string): Capability {
  const upper = written.toUpperCase();
  const full = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  const found = CAPABILITIES.find((name) => name === full);
  if (found !== undefined) return found;
  throw invalid(`there is no capability "${written.slice(0, 60)}"`);
}

const setOf = (value: unknown): readonly Capability[] =>
  names(members(value, ['set']).get('set'), 'set').map(capabilityNamed);

function requireAlone({ beside }: Place): void {
  if (beside.has(RETAIN) && beside.has(REMOVE)) throw invalid(`${RETAIN} and ${REMOVE} exclude each other`);
}

/** Exactly `set`. */
export const retain: IsolatorRow = {
  scopes: ['app'],
  plan(value, place) {
    requireAlone(place);
    return [{ kind: 'capabilities', set: setOf(value) }];
  },
};

/** The default ones without `set`. */
export const remove: IsolatorRow = {
  scopes: ['app'],
  plan(value, place) {
    requireAlone(place);
    const removed = setOf(value);
    return [{ kind: 'capabilities', set: DEFAULT_CAPABILITIES.filter((name) => !removed.includes(name)) }];
  },
};
