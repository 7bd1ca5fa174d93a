/** What has come of a blob: in a part on the disk that survives this process, or, if it is small, only counted. */
import fs from 'node:fs';
import type { Hash } from '#kernel/digest';
import { PodctlError } from '#kernel/errors';
import type { Part } from '../../../store/partials';
import { digestFrom, hashFor } from '../digest';
import type { BlobFile, Descriptor, Take } from '../port';

const CHUNK = 256 * 1024;
/** After so many bytes it is known how fast they come. */
const JUDGED_BYTES = 4 * 1024 * 1024;
/** What comes again within this time, ms, is not worth being written to the disk and removed again. */
const WORTH_MS = 1000;

/** Something that `take` threw: no other try helps. */
export class TakeFailure extends Error {
  constructor(cause: unknown) {
    super('the bytes were refused', { cause });
  }
}

export class Received {
  readonly descriptor: Descriptor;
  readonly #take: Take;
  readonly #part: Part | undefined;
  readonly #hash: Hash;
  #size = 0;
  /** Of an attempt that began at the first byte, until it was judged: when that was, ms. */
  #begun: number | undefined;
  #isKept = true;

  /** @param part undefined: nothing is kept; it is this object's to end */
  constructor(descriptor: Descriptor, take: Take, part: Part | undefined) {
    this.descriptor = descriptor;
    this.#take = take;
    this.#part = part;
    this.#hash = hashFor(descriptor.digest);
  }

  /** Bytes that were taken. */
  get size(): number {
    return this.#size;
  }

  get isWhole(): boolean {
    return this.#size === this.descriptor.size;
  }

  /** Takes what an earlier attempt left. */
  async recall(): Promise<void> {
    const part = this.#part;
    if (part === undefined) return;
    if (part.note === undefined || part.size > this.descriptor.size) {
      part.begin({ url: partKey(this.descriptor), total: this.descriptor.size });
      this.#begun = performance.now();
      return;
    }
    const fd = part.openForReading();
    try {
      while (this.#size < part.size) {
        const chunk = Buffer.allocUnsafe(Math.min(CHUNK, part.size - this.#size));
        const got = fs.readSync(fd, chunk, 0, chunk.length, this.#size);
        if (got === 0) throw new PodctlError('io', `${part.path} was cut short`);
        await this.#pass(chunk.subarray(0, got));
      }
    } finally {
      fs.closeSync(fd);
    }
  }

  /** @throws PodctlError `image-digest-mismatch` if it is more than there should be; TakeFailure */
  add(chunk: Buffer): Promise<void> | undefined {
    const { size, digest } = this.descriptor;
    if (this.#size + chunk.length > size) {
      throw new PodctlError(
        'image-digest-mismatch',
        `${digest} has more than the ${size} bytes that its manifest says`,
      );
    }
    if (this.#isKept) this.#part?.append(chunk);
    const waiting = this.#pass(chunk);
    if (this.#begun !== undefined && this.#size >= JUDGED_BYTES) this.#judge(this.#begun);
    return waiting;
  }

  /** Its lock is kept: whoever else wants the blob waits for the image. */
  #judge(begun: number): void {
    this.#begun = undefined;
    const left = this.descriptor.size - this.#size;
    this.#isKept = ((performance.now() - begun) / this.#size) * left >= WORTH_MS;
    if (!this.#isKept) this.#part?.forget();
  }

  #pass(chunk: Buffer): Promise<void> | undefined {
    this.#hash.update(chunk);
    this.#size += chunk.length;
    try {
      return this.#take(chunk)?.then(
        () => undefined,
        (error: unknown) => Promise.reject(new TakeFailure(error)),
      );
    } catch (error) {
      throw new TakeFailure(error);
    }
  }

  /** @throws PodctlError `image-digest-mismatch` */
  verify(): void {
    const { digest, size } = this.descriptor;
    const wrong = (why: string): PodctlError => new PodctlError('image-digest-mismatch', `${digest} ${why}`);
    if (!this.isWhole) throw wrong(`has ${this.#size} bytes, not the ${size} that its manifest says`);
    const actual = digestFrom(this.#hash, digest);
    if (actual !== digest) throw wrong(`was asked for, ${actual} came`);
  }

  file(): BlobFile | undefined {
    const part = this.#part;
    if (this.#isKept) return part && { path: part.path, release: () => part.release() };
    part?.discard();
    return undefined;
  }

  /** Ends it: what is good is kept for the next attempt. */
  end(good: boolean): void {
    if (good) this.#part?.keep();
    else this.#part?.discard();
  }
}

/** The same for every registry and mirror. */
export const partKey = ({ digest }: Descriptor): string => `blob:${digest}`;
