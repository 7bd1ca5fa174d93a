/**
 * The sha512 of a file while it is being written. Of a large one, another thread computes it from the file itself (its pages are in
 * memory still), while this one writes on: nothing is copied between the two, and what is hashed is what is stored.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { Worker } from 'node:worker_threads';
import { createHash, type Hash } from '#kernel/digest';
import { ANSWER, CANCELLED, type DigestJob, DONE, encodeEnd, FAILED, PROGRESS, RESULT_AT, WORDS } from './digest-words';

/** A thread takes 30 ms to start, as much as this takes to hash. */
const THREAD_FROM_BYTES = 16 * 1024 * 1024;
const BLOCK_BYTES = 1024 * 1024;
/** A thread that did nothing for so long is stuck, or never began. */
const PATIENCE_MS = 5_000;

export class FileDigest {
  readonly #fd: number;
  readonly #hash: Hash = createHash('sha512');
  #size = 0;
  #thread: DigestThread | undefined;

  /** @param fd of the file; stays the caller's, and open until `digest` or `abandon` */
  constructor(fd: number) {
    this.#fd = fd;
  }

  /** The next bytes, which are in the file already. */
  update(chunk: Buffer): void {
    this.#size += chunk.length;
    if (this.#thread !== undefined) this.#thread.advance(this.#size);
    else if (this.#size < THREAD_FROM_BYTES) this.#hash.update(chunk);
    else {
      this.#thread = new DigestThread(this.#fd);
      this.#thread.advance(this.#size);
    }
  }

  /** 128 hex digits. Blocks. */
  digest(): string {
    if (this.#thread === undefined) return this.#hash.digest('hex');
    return this.#thread.end(this.#size) ?? digestOf(this.#fd);
  }

  /** Idempotent; allowed after `digest`. */
  abandon(): void {
    this.#thread?.cancel();
  }
}

class DigestThread {
  readonly #shared = new SharedArrayBuffer(RESULT_AT + 64);
  readonly #words = new BigInt64Array(this.#shared, 0, WORDS);

  constructor(fd: number) {
    const { Worker: NewWorker } = process.getBuiltinModule('node:worker_threads');
    const worker: Worker = new NewWorker(program(), {
      workerData: { file: `/proc/${process.pid}/fd/${fd}`, shared: this.#shared } satisfies DigestJob,
      execArgv: [],
      env: {},
    });
    worker.unref();
    // Whatever becomes of it, `end` sees that there is no answer.
    worker.on('error', () => this.#fail());
  }

  advance(size: number): void {
    Atomics.store(this.#words, PROGRESS, BigInt(size));
    Atomics.notify(this.#words, PROGRESS);
  }

  /** Undefined if the thread could not do it. */
  end(size: number): string | undefined {
    Atomics.store(this.#words, PROGRESS, encodeEnd(size));
    Atomics.notify(this.#words, PROGRESS);
    for (let before = -1n; ; ) {
      const answer = Atomics.load(this.#words, ANSWER);
      if (answer === DONE) return Buffer.from(this.#shared, RESULT_AT, 64).toString('hex');
      if (answer === FAILED || answer === before) break;
      before = answer; // how far it is
      Atomics.wait(this.#words, ANSWER, answer, PATIENCE_MS);
    }
    this.cancel();
    return undefined;
  }

  cancel(): void {
    Atomics.store(this.#words, PROGRESS, CANCELLED);
    Atomics.notify(this.#words, PROGRESS);
  }

  #fail(): void {
    Atomics.store(this.#words, ANSWER, FAILED);
  }
}

/** Beside the bundle, or from the compiled modules. */
function program(): string {
  const bundled = path.join(__dirname, 'digest-thread.cjs');
  return fs.existsSync(bundled) ? bundled : path.join(__dirname, 'digest-thread.js');
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
