/**
 * Other threads that follow a file while it is written, and hash it. They read the file itself (its pages are in memory still):
 * nothing is copied between the threads, and what is hashed is what is stored.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { Worker } from 'node:worker_threads';
import {
  ANSWER,
  CANCELLED,
  DONE,
  encodeEnd,
  FAILED,
  type FollowJob,
  PROGRESS,
  RESULT_AT,
  WORDS,
} from './follower-words';

/** A thread that did nothing for so long is stuck, or never began. */
const PATIENCE_MS = 5_000;
/** Waking a thread costs a system call, and often the processor: it is not done for less. */
const STEP_BYTES = 1024 * 1024;

/** One file being followed. End it with `end` or `cancel`. */
export class Follower {
  readonly #shared = new SharedArrayBuffer(RESULT_AT + 64);
  readonly #words = new BigInt64Array(this.#shared, 0, WORDS);
  readonly #thread: Thread;
  readonly #done: Promise<void>;
  #told = 0;

  /** @param fd of the file; stays the caller's */
  constructor(fd: number) {
    this.#thread = idle.pop() ?? new Thread();
    const job = { file: `/proc/${process.pid}/fd/${fd}`, shared: this.#shared };
    this.#done = this.#thread.run(job).then((isAlive) => {
      if (!isAlive && this.#answer >= 0n) this.#tell(ANSWER, FAILED);
    });
  }

  /** So many bytes are in the file. */
  advance(size: number): void {
    if (size - this.#told < STEP_BYTES) return;
    this.#told = size;
    this.#tell(PROGRESS, BigInt(size));
  }

  /** No more bytes come: resolves when the thread is done with them. */
  async settled(size: number): Promise<void> {
    this.#tell(PROGRESS, encodeEnd(size));
    this.#thread.stay();
    await this.#done;
  }

  /** The same, but blocks. The digest as hex digits; undefined if the thread could not do it. */
  end(size: number): string | undefined {
    this.#tell(PROGRESS, encodeEnd(size));
    if (this.#wait() === DONE) return Buffer.from(this.#shared, RESULT_AT, 64).toString('hex');
    this.cancel();
    return undefined;
  }

  /** Idempotent. */
  cancel(): void {
    if (this.#answer === DONE || this.#answer === FAILED) return;
    this.#tell(PROGRESS, CANCELLED);
  }

  get #answer(): bigint {
    return Atomics.load(this.#words, ANSWER);
  }

  #tell(word: number, value: bigint): void {
    Atomics.store(this.#words, word, value);
    Atomics.notify(this.#words, word);
  }

  /** The last answer, or what it was when the thread did nothing for too long. */
  #wait(): bigint {
    for (let before = -3n; ; ) {
      const answer = this.#answer;
      if (answer === DONE || answer === FAILED || answer === before) return answer;
      before = answer; // how far it is
      Atomics.wait(this.#words, ANSWER, answer, PATIENCE_MS);
    }
  }
}

/** Threads without work: each takes 30 ms to start. */
const idle: Thread[] = [];

class Thread {
  readonly #worker: Worker;

  constructor() {
    const { Worker: NewWorker } = process.getBuiltinModule('node:worker_threads');
    this.#worker = new NewWorker(program(), { execArgv: [], trackUnmanagedFds: false });
    this.#worker.unref();
  }

  /** Resolves when it is done with the job: false if it died of it. */
  run(job: FollowJob): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (isAlive: boolean): void => {
        this.#worker.off('message', done).off('error', died).unref();
        if (isAlive) idle.push(this);
        resolve(isAlive);
      };
      const done = (): void => end(true);
      const died = (): void => end(false);
      this.#worker.on('message', done).on('error', died).unref(); // a listener keeps the process alive
      this.#worker.postMessage(job);
    });
  }

  /** Keeps the process alive until the job is done. */
  stay(): void {
    this.#worker.ref();
  }
}

/** Beside the bundle, or from the compiled modules. */
function program(): string {
  const bundled = path.join(__dirname, 'follower-thread.cjs');
  return fs.existsSync(bundled) ? bundled : path.join(__dirname, 'follower-thread.js');
}
