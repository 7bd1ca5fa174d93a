/** The surface of the third addon, which expands gzip on a thread of Node's pool and hashes there what comes out. */

export interface Gunzip {
  /**
   * Expands `input` from `at` on into `output` from `filled` on, until either is at its end. One call at a time; both buffers have
   * to stay as they are meanwhile. If `output` became full, there may be more although all of `input` was read.
   * @returns bytes read and written @throws Error with the words of zlib
   */
  step(
    input: Buffer,
    at: number,
    output: Buffer,
    filled: number,
  ): Promise<{ readonly read: number; readonly written: number }>;
  /** What was read so far is whole: nothing, or members to their ends. */
  isComplete(): boolean;
  /** Of all that was expanded; to be asked for once. */
  digest(): Buffer;
}

export interface GunzipAddon {
  /** `algorithm`: `sha256` or `sha512`; undefined: nothing is hashed. */
  readonly Gunzip: new (
    algorithm: string | undefined,
  ) => Gunzip;
}
