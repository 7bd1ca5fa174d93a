/** The surface of the third addon, which expands gzip and makes the ACIs and trees of layers on threads of Node's pool. */

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

/** What a layer's tar has, as render/layer-facts.ts says it; names are bytes, each a character. */
export interface MadeFacts {
  readonly links: boolean;
  readonly opaque: boolean;
  /** In any order, and no more than 129. */
  readonly implicit: readonly string[];
  readonly hiding: readonly string[];
}

export interface MadeLayer {
  /** sha512 of the ACI. */
  readonly digest: Buffer;
  /** Bytes of the ACI. */
  readonly size: number;
  /** Undefined: there is no tree, or it could not be made. */
  readonly tree?: { readonly bytes: number; readonly entries: number };
}

/**
 * Makes the ACI of a layer, and its tree, of the layer's tar. It knows what is usual, and gives up at everything else, at what is
 * not valid, and where a system call fails: what it made so far is of no use then. One call at a time; buffers have to stay as they
 * are, and descriptors open, until it has resolved.
 */
export interface LayerMaker {
  /** The next bytes of the tar. False: it gave up. */
  write(bytes: Buffer): Promise<boolean>;
  /** No more bytes come. Undefined: it gave up. */
  facts(): MadeFacts | undefined;
  /** The rest of the ACI. False: it gave up. */
  finish(rest: Buffer): Promise<boolean>;
  /** After `finish`; to be asked for once. */
  made(): MadeLayer;
  /** Closes what it opened. Idempotent. */
  close(): void;
}

export interface GunzipAddon {
  /** `algorithm`: `sha256` or `sha512`; undefined: nothing is hashed. */
  readonly Gunzip: new (
    algorithm: string | undefined,
  ) => Gunzip;
  /** @param tarFd an empty file @param rootFd an empty directory, -1 for no tree @param start the ACI's first bytes */
  readonly LayerMaker: new (
    tarFd: number,
    rootFd: number,
    start: Buffer,
  ) => LayerMaker;
  /** Makes durable what was written to the file system that `fd` is on, on another thread. False: it failed. */
  syncfs(fd: number): Promise<boolean>;
}
