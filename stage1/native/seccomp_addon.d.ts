/** The surface of the second addon, which makes programs of system call filters by libseccomp. */

/** The number is that of an error, which the call returns. */
type Action = 'allow' | 'kill' | number;

/** stage2/seccomp/filter.ts says what its parts mean. */
export interface FilterRules {
  readonly otherwise: Action;
  readonly foreign: Action;
  readonly newerAreUnknown: boolean;
  readonly rules: readonly {
    readonly syscall: string;
    readonly action: Action;
    readonly when?: {
      readonly argument: number;
      readonly is: 'equal' | 'unequal' | 'masked';
      readonly value: number;
      readonly mask?: number;
    };
  }[];
}

export interface SeccompCompiler {
  /**
   * The filter for this machine's architecture and the one beside it (x86 on x86_64, arm on arm64).
   * @returns BPF instructions in the host's order, and names that no architecture has
   * @throws Error with the words of libseccomp
   */
  compile(filter: FilterRules): { readonly program: Buffer; readonly unknown: readonly string[] };
  /** Path of the library. */
  library(): string;
}
