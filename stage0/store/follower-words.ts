/** What a file's writer and the thread that follows it tell each other: 64-bit words in shared memory, then the digest. */

export interface FollowJob {
  /** A path to the file that is being written. */
  readonly file: string;
  readonly shared: SharedArrayBuffer;
}

/** Word of the writer: bytes that are in the file (≥ 0), the end (< 0), or CANCELLED. */
export const PROGRESS = 0;
/** Word of the thread: bytes it has read (≥ 0), or one of the two below. */
export const ANSWER = 1;
export const WORDS = 2;
export const DONE = -1n;
export const FAILED = -2n;
export const CANCELLED = -(2n ** 63n);

/** Byte of the shared memory at which the digest begins. */
export const RESULT_AT = 64;

/** No more than `size` bytes come. */
export const encodeEnd = (size: number): bigint => ~BigInt(size);
/** The bytes that are there, and whether more come. */
export const decodeProgress = (word: bigint): { readonly size: number; readonly ended: boolean } =>
  word < 0n ? { size: Number(~word), ended: true } : { size: Number(word), ended: false };
