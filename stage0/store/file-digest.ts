/** The sha512 of a file while it is being written. Of a large one, another thread computes it, while this one writes on. */
import fs from 'node:fs';
import { createHash, type Hash } from '#kernel/digest';
import { Follower } from './follower';

/** A thread takes 30 ms to start, as much as this takes to hash. */
const THREAD_FROM_BYTES = 16 * 1024 * 1024;
const BLOCK_BYTES = 1024 * 1024;

export class FileDigest {
  readonly #fd: number;
  readonly #hash: Hash = createHash('sha512');
  #size = 0;
  #follower: Follower | undefined;
  #adopted: string | undefined;

  /** @param fd of the file; stays the caller's, and open until `digest` or `abandon` */
  constructor(fd: number, atLeast = 0) {
    this.#fd = fd;
    if (atLeast >= THREAD_FROM_BYTES) this.#follower = new Follower(fd);
  }

  /** Somebody else has written the file, and hashed what he wrote. */
  adopt(sha512: string): void {
    this.#adopted = sha512;
  }

  /** The next bytes, which are in the file already. */
  update(chunk: Buffer): void {
    this.#size += chunk.length;
    if (this.#follower === undefined && this.#size < THREAD_FROM_BYTES) this.#hash.update(chunk);
    else {
      this.#follower ??= new Follower(this.#fd);
      this.#follower.advance(this.#size);
    }
  }

  /** No more bytes come: resolves when `digest` need not wait. */
  async settled(): Promise<void> {
    await this.#follower?.settled(this.#size);
  }

  /** 128 hex digits. Blocks. */
  digest(): string {
    if (this.#adopted !== undefined) return this.#adopted;
    if (this.#follower === undefined) return this.#hash.digest('hex');
    return this.#follower.end(this.#size) ?? digestOf(this.#fd);
  }

  /** Idempotent; allowed after `digest`. */
  abandon(): void {
    this.#follower?.cancel();
  }
}

function digestOf(fd: number): string {
  const hash = createHash('sha512');
  const block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  for (let at = 0; ; ) {
    const size = fs.readSync(fd, block, 0, block.length, at);
    if (size === 0) return hash.digest('hex');
    hash.update(block.subarray(0, size));
    at += size;
  }
}
