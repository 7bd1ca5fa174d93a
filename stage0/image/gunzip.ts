/**
 * gzip through Node's zlib: 225–270 MB/s of output on one other thread (igzip has 400, gzip(1) 100). That thread is kept busy: it
 * has its next piece of work before what it finished last is consumed here.
 */
import { createGunzip, type Gunzip } from 'node:zlib';
import { messageOf, PodctlError } from '#kernel/errors';
import type { Consumer, Expander } from './archive';

/** Larger chunks than zlib's default of 16 KiB: each costs a trip between the threads. */
const CHUNK_BYTES = 1024 * 1024;
/** Chunks of input given to the stream: one that is being expanded and one that waits. */
const MAX_WRITES = 2;

export const gunzip = (consume: Consumer): Expander => new GunzipExpander(consume);

class GunzipExpander implements Expander {
  readonly #stream: Gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  readonly #consume: Consumer;
  /** Rejects with the first failure; never resolves. */
  readonly #failed: Promise<never>;
  readonly #ended: Promise<void>;
  readonly #writes: Promise<void>[] = [];
  /** Expanded and not consumed: zlib hands on one piece a turn of the event loop, and each turn consumes all there are. */
  #pieces: Buffer[] = [];
  #failure: unknown;
  #fail: (error: unknown) => void = () => undefined;

  constructor(consume: Consumer) {
    this.#consume = consume;
    this.#failed = new Promise<never>((_, reject) => {
      this.#fail = (error) => {
        this.#failure ??= error;
        reject(this.#failure);
      };
    });
    this.#failed.catch(() => undefined); // ignored: whoever waits for `failed` gets it
    this.#stream.on('error', (error) => this.#fail(error instanceof PodctlError ? error : damaged(error)));
    this.#ended = new Promise((resolve) => this.#stream.on('end', resolve));
    this.#stream.on('data', (piece: Buffer) => {
      // Not here: zlib's thread gets its next work only when this returns.
      if (this.#pieces.push(piece) === 1) setImmediate(() => this.#drain());
    });
  }

  async write(chunk: Buffer): Promise<void> {
    this.#writes.push(new Promise((resolve) => void this.#stream.write(chunk, () => resolve())));
    if (this.#writes.length < MAX_WRITES) return;
    await Promise.race([this.#failed, this.#writes.shift()]);
  }

  async end(): Promise<void> {
    this.#stream.end();
    await Promise.race([this.#failed, this.#ended]);
    this.#drain();
    if (this.#failure !== undefined) throw this.#failure;
  }

  destroy(): void {
    this.#pieces = [];
    this.#stream.destroy();
  }

  #drain(): void {
    const pieces = this.#pieces;
    this.#pieces = [];
    try {
      for (const piece of pieces) if (this.#failure === undefined) this.#consume(piece);
    } catch (error) {
      this.#fail(error);
      this.#stream.destroy();
    }
  }
}

function damaged(error: unknown): PodctlError {
  const text = messageOf(error);
  const problem = text.includes('unexpected end')
    ? 'it is truncated: the gzip data ends early'
    : `its gzip data is damaged (${text})`;
  return new PodctlError('image-archive-invalid', `the archive is not valid: ${problem}`, { cause: error });
}
