/**
 * gzip by zlib on one other thread, which hashes what comes out, too (docs/dependencies.md says how fast). While a piece is consumed
 * here, the next one is being expanded.
 */
import { messageOf, PodctlError } from '#kernel/errors';
import type { Gunzip } from '../../stage1/native/gunzip_addon';
import { gunzipAddon } from '../../stage1/native/index';
import type { Consumer, HashingExpander } from './archive';

/** Each piece costs a trip between the threads. */
const PIECE_BYTES = 1024 * 1024;

/** @param algorithm of the digest of all that comes out; undefined: there is none */
export const gunzip = (consume: Consumer, algorithm: string | undefined): HashingExpander =>
  new GunzipExpander(consume, algorithm);

class GunzipExpander implements HashingExpander {
  readonly #gunzip: Gunzip;
  readonly #consume: Consumer;
  /** The one that is being filled, and the one that is consumed. */
  readonly #outputs: [Buffer, Buffer] = [Buffer.allocUnsafeSlow(PIECE_BYTES), Buffer.allocUnsafeSlow(PIECE_BYTES)];
  #filled = 0;
  /** Expanded and not consumed. */
  #piece: Buffer | undefined;
  /** All writes so far, one behind the other. */
  #writes: Promise<void> = Promise.resolve();
  #isDestroyed = false;

  constructor(consume: Consumer, algorithm: string | undefined) {
    this.#consume = consume;
    this.#gunzip = new (gunzipAddon().Gunzip)(algorithm);
  }

  async write(chunk: Buffer): Promise<void> {
    const before = this.#writes;
    this.#writes = before.then(() => this.#expand(chunk));
    this.#writes.catch(() => undefined); // ignored: the next write, or the end, hands it on
    await before;
  }

  async end(): Promise<void> {
    await this.#writes;
    this.#drain();
    const [last] = this.#outputs;
    if (this.#filled > 0) this.#consume(last.subarray(0, this.#filled));
    if (!this.#gunzip.isComplete()) throw invalid('it is truncated: the gzip data ends early');
  }

  destroy(): void {
    this.#isDestroyed = true;
  }

  digest(): string {
    return this.#gunzip.digest().toString('hex');
  }

  async #expand(chunk: Buffer): Promise<void> {
    for (let at = 0, isFull = false; (at < chunk.length || isFull) && !this.#isDestroyed; ) {
      const [output] = this.#outputs;
      const step = this.#gunzip.step(chunk, at, output, this.#filled);
      step.catch(() => undefined); // ignored: it is awaited below, unless the consumer fails first
      this.#drain();
      const { read, written } = await step.catch((error: unknown) => {
        throw invalid(`its gzip data is damaged (${messageOf(error)})`, error);
      });
      at += read;
      this.#filled += written;
      isFull = this.#filled === output.length;
      if (isFull) this.#turn(output);
    }
  }

  #turn(full: Buffer): void {
    this.#outputs.reverse();
    this.#piece = full;
    this.#filled = 0;
  }

  #drain(): void {
    const piece = this.#piece;
    this.#piece = undefined;
    if (piece !== undefined && !this.#isDestroyed) this.#consume(piece);
  }
}

const invalid = (problem: string, cause?: unknown): PodctlError =>
  new PodctlError('image-archive-invalid', `the archive is not valid: ${problem}`, { cause });
