/** A system call filter as rules, before libseccomp makes a program of it. */

/** What the kernel does with a call: seccomp(2). A number is the error that the call returns. */
export type Action = 'allow' | 'kill' | number;

/** On the value of one argument: equal, not equal, or equal to `value` in the bits of `mask`. */
export interface Condition {
  /** 0 to 5. */
  readonly argument: number;
  readonly is: 'equal' | 'unequal' | 'masked';
  readonly value: number;
  readonly mask?: number;
}

export interface Rule {
  readonly syscall: string;
  readonly action: Action;
  /** Absent: whatever the arguments. */
  readonly when?: Condition;
}

export interface Filter {
  /** For calls that no rule is about. */
  readonly otherwise: Action;
  /** The same for calls by the conventions of another architecture that the machine knows, as x32 on x86_64. */
  readonly foreign: Action;
  /** Answer calls newer than all of the rules as a kernel without them would: ENOSYS, whatever `otherwise` says. */
  readonly newerAreUnknown: boolean;
  readonly rules: readonly Rule[];
}

/** errno(3) */
export const EPERM = 1;
export const ENOSYS = 38;
