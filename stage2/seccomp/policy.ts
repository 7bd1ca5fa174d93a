/** What filter an app is to have: the words of its isolator, still without the rules they stand for. */
import { type Capability, capabilityMask } from '../capabilities';

/** appc §3.7: os/linux/seccomp-remove-set, os/linux/seccomp-retain-set, or neither. */
export interface SeccompPolicy {
  readonly mode: 'default' | 'remove' | 'retain';
  /** System calls and wildcards (`@SCOPE/NAME`), sorted, each once. */
  readonly set: readonly string[];
  /** Number of the error that a refused call returns; undefined: it ends the process with SIGSYS (I8). */
  readonly errno: number | undefined;
}

/** That of apps whose manifest says nothing. */
export const DEFAULT_POLICY: SeccompPolicy = { mode: 'default', set: [], errno: undefined };

/** Both ways to ask for no filter at all (I9, I10). */
export const isOptOut = ({ mode, set }: SeccompPolicy): boolean =>
  (mode === 'remove' && set.includes('@appc.io/empty')) || (mode === 'retain' && set.includes('@appc.io/all'));

/**
 * Raise it with every change of the tables and rules of this folder, so that no program is used that was compiled from older
 * ones. A test holds it against them.
 */
export const RULES_VERSION = 1;

/** One line: the same for all that have the same program on this machine, and only for them. */
export const policyKey = ({ mode, set, errno }: SeccompPolicy, capabilities: Iterable<Capability>): string =>
  [RULES_VERSION, mode, errno ?? 'kill', capabilityMask(capabilities), ...set].join(' ');
