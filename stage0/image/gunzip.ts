/**
 * gzip by zlib on one other thread, which hashes what comes out, too (docs/dependencies.md says how fast). While a piece is consumed,
 * here or on a third thread, the next one is being expanded.
 */
import { messageOf, PodctlError } from '#kernel/errors';
import type { Gunzip } from '../../stage1/native/gunzip_addon';
import { gunzipAddon } from '../../stage1/native/index';
import type { Consumer, HashingExpander } from './archive';

/** Each piece costs a trip between the threads, as does each that is expanded. */
const PIECE_BYTES = 1024 * 1024;
const INPUT_BYTES = 256 * 1024;

/** @param algorithm of the digest of all that comes out; undefined: there is none */
export const gunzip = (consume: Consumer, algorithm: string | undefined): HashingExpander =>
  new GunzipExpander(consume, algorithm);

class GunzipExpander implements HashingExpander {
  readonly #gunzip: Gunzip;
  readonly #consume: Consumer;
  /** The one that is being filled, and the one that is expanded. */
  readonly #inputs: [Buffer, Buffer] = [Buffer.allocUnsafeSlow(INPUT_BYTES), Buffer.allocUnsafeSlow(INPUT_BYTES)];
  #gathered = 0;
  /** The one that is being filled, and the one that is consumed. */
  readonly #outputs: [Buffer, Buffer] = [Buffer.allocUnsafeSlow(PIECE_BYTES), Buffer.allocUnsafeSlow(PIECE_BYTES)];
  #filled = 0;
  /** Expanded, and nobody has been given it. */
  #piece: Buffer | undefined;
  /** Of the one before. */
  #consumed: unknown;
  /** All writes so far, one behind the other. */
  #writes: Promise<void> = Promise.resolve();
  #isDestroyed = false;

  constructor(consume: Consumer, algorithm: string | undefined) {
    this.#consume = consume;
    this.#gunzip = new (gunzipAddon().Gunzip)(algorithm);
  }

  write(chunk: Buffer): Promise<void> | undefined {
    if (this.#gathered + chunk.length >= INPUT_BYTES) return this.#send(chunk);
    this.#gathered += chunk.copy(this.#inputs[0], this.#gathered);
    return undefined;
  }

  async end(): Promise<void> {
    await this.#flush();
    await this.#writes;
    this.#drain();
    await this.#consumed;
    const [last] = this.#outputs;
    if (this.#filled > 0) await this.#consume(last.subarray(0, this.#filled));
    if (!this.#gunzip.isComplete()) throw invalid('it is truncated: the gzip data ends early');
  }

  destroy(): void {
    this.#isDestroyed = true;
  }

  digest(): string {
    return this.#gunzip.digest().toString('hex');
  }

  async #send(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      const taken = chunk.copy(this.#inputs[0], this.#gathered, at);
      at += taken;
      this.#gathered += taken;
      if (this.#gathered === INPUT_BYTES) await this.#flush();
    }
  }

  /** Goes on with the other buffer, once it was expanded. */
  async #flush(): Promise<void> {
    const before = this.#writes;
    const input = this.#inputs[0].subarray(0, this.#gathered);
    this.#writes = before.then(() => this.#expand(input));
    this.#writes.catch(() => undefined); // ignored: the next one, or the end, hands it on
    await before;
    this.#inputs.reverse();
    this.#gathered = 0;
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
      if (isFull) await this.#turn(output);
    }
  }

  /** Goes on with the other buffer, once it was consumed. */
  async #turn(full: Buffer): Promise<void> {
    await this.#consumed;
    this.#outputs.reverse();
    this.#piece = full;
    this.#filled = 0;
  }

  #drain(): void {
    const piece = this.#piece;
    this.#piece = undefined;
    if (piece === undefined || this.#isDestroyed) return;
    this.#consumed = this.#consume(piece);
    if (this.#consumed instanceof Promise) this.#consumed.catch(() => undefined); // ignored: whoever waits for it hands it on
  }
}

const invalid = (problem: string, cause?: unknown): PodctlError =>
  new PodctlError('image-archive-invalid', `the archive is not valid: ${problem}`, { cause });
