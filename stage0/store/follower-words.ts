/** What a file's writer and the thread that follows it tell each other: 64-bit words in shared memory, then the digest. */

export interface FollowJob {
  /** A path to the file that is being written. */
  readonly file: string;
  /** An empty directory, open in this process, that the file is rendered to: it is the ACI of a layer. -1: it is only hashed. */
  readonly rootFd: number;
  readonly shared: SharedArrayBuffer;
}

/** Word of the writer: bytes that are in the file (≥ 0), the end (< 0), or CANCELLED. */
export const PROGRESS = 0;
/** Word of the thread: bytes it has read (≥ 0), or one of the two below. */
export const ANSWER = 1;
/** Words of the thread, to be read when it is DONE: bytes and number of the entries in the tree; no entries: it has none. */
export const TREE_BYTES = 2;
export const TREE_ENTRIES = 3;
/** 1 if the tree is durable already. */
export const TREE_SYNCED = 4;
export const WORDS = 5;
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
