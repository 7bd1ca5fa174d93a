/**
 * Expands an image file of any compression into the bytes of its tar. The compressed side waits for the expander, which works on
 * another thread (zlib) or in another process (xz, bzip2, zstd), and that for the consumer.
 */
import { createHash, type Hash } from '#kernel/digest';
import { PodctlError } from '#kernel/errors';
import { type Compression, compressionOf, MAGIC_BYTES } from './compression';
import { gunzip } from './gunzip';
import { hostProgram } from './host-program';

/** No image of practical use is larger; what is, is made to fill the disk. */
const MAX_EXPANDED_BYTES = 64 * 1024 ** 3;
/** Root filesystems shrink to a third or a fifth; a hundredfold, beyond the first 256 MiB, is a decompression bomb. */
const MAX_RATIO = 100;
const FREE_BYTES = 256 * 1024 ** 2;

/** Takes compressed bytes and hands on expanded ones. */
export interface Expander {
  /**
   * Resolves when more may be written; undefined: at once. The chunk has to stay as it is until then.
   * Rejects if the data is bad or the consumer threw.
   */
  write(chunk: Buffer): Promise<void> | undefined;
  /** The input is complete; resolves once everything was handed on. */
  end(): Promise<void>;
  /** Stops at once and frees what it holds. Never throws. */
  destroy(): void;
}

/** Takes the next expanded bytes, which stay as they are until it returns, or until the promise it returns has settled. */
export type Consumer = (chunk: Buffer) => unknown;

/** A consumer that stops a bomb. @throws PodctlError `image-too-large` from the returned function */
function limited(fileSize: number, consume: Consumer): Consumer {
  const limit = Math.min(MAX_EXPANDED_BYTES, Math.max(FREE_BYTES, fileSize * MAX_RATIO));
  let expanded = 0;
  return (chunk) => {
    expanded += chunk.length;
    if (expanded > limit) {
      throw new PodctlError(
        'image-too-large',
        `the image expands to more than ${limit} bytes, the limit for a file of ${fileSize} bytes`,
      );
    }
    return consume(chunk);
  };
}

/** An expander that hashes what it hands on, wherever it has it at hand. */
export interface HashingExpander extends Expander {
  /** Hex digits of all that was expanded; to be asked for once, after the end. */
  digest(): string;
}

const plain = (consume: Consumer): Expander => ({
  write: async (chunk) => void (await consume(chunk)),
  end: async () => undefined,
  destroy: () => undefined,
});

/** Another thread hashes gzip's output where it makes it; what comes of other programs is hashed here. */
function expanderFor(compression: Compression, consume: Consumer, algorithm: string | undefined): HashingExpander {
  if (compression === 'gzip') return gunzip(consume, algorithm);
  const hash = algorithm === undefined ? undefined : createHash(algorithm);
  const take = hash === undefined ? consume : hashing(hash, consume);
  const expander = compression === 'none' ? plain(take) : hostProgram(compression, take);
  return Object.assign(expander, { digest: () => hash?.digest('hex') ?? '' });
}

const hashing =
  (hash: Hash, consume: Consumer): Consumer =>
  (chunk) => {
    hash.update(chunk);
    return consume(chunk);
  };

/**
 * Chooses the expander once enough bytes have come to tell the compression.
 * @param algorithm `sha256` or `sha512`, for the digest; undefined: there is none
 */
export function expander(fileSize: number, consumer: Consumer, algorithm?: string): HashingExpander {
  const consume = limited(fileSize, consumer);
  let start: Buffer = Buffer.alloc(0);
  let chosen: HashingExpander | undefined;
  const choose = (): HashingExpander => {
    chosen ??= expanderFor(compressionOf(start), consume, algorithm);
    return chosen;
  };
  return {
    write(chunk) {
      if (chosen !== undefined) return chosen.write(chunk);
      // What is too short to tell is kept, and the chunk is the caller's.
      start = start.length === 0 && chunk.length >= MAGIC_BYTES ? chunk : Buffer.concat([start, chunk]);
      return start.length >= MAGIC_BYTES ? choose().write(start) : undefined;
    },
    async end() {
      if (chosen === undefined && start.length > 0) await choose().write(start);
      await choose().end();
    },
    destroy: () => chosen?.destroy(),
    digest: () => choose().digest(),
  };
}
