/** The surface of the second addon, which makes programs of system call filters by libseccomp. */
import type { Filter } from '../../stage2/seccomp/filter';

export interface SeccompCompiler {
  /**
   * The filter for this machine's architecture and the one beside it (x86 on x86_64, arm on arm64).
   * @returns BPF instructions in the host's order, and names that no architecture has
   * @throws Error with the words of libseccomp
   */
  compile(filter: Filter): { readonly program: Buffer; readonly unknown: readonly string[] };
  /** Path of the library. */
  library(): string;
}
