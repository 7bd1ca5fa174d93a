/** The other side of follower.ts, a thread of its own: follows growing files, one after another. A program, not a module. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { parentPort } from 'node:worker_threads';
import {
  ANSWER,
  CANCELLED,
  DONE,
  decodeProgress,
  FAILED,
  type FollowJob,
  PROGRESS,
  RESULT_AT,
  WORDS,
} from './follower-words';

/** Small enough to stay in the processor's cache between reading and hashing. */
const BLOCK_BYTES = 512 * 1024;

/** Undefined if it was cancelled. */
function follow(fd: number, words: BigInt64Array): Buffer | undefined {
  const hash = createHash('sha512');
  const block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  for (let at = 0; ; ) {
    const word = Atomics.load(words, PROGRESS);
    if (word === CANCELLED) return undefined;
    const { size, ended } = decodeProgress(word);
    if (at === size && ended) return hash.digest();
    if (at === size) {
      Atomics.wait(words, PROGRESS, word);
      continue;
    }
    const taken = fs.readSync(fd, block, 0, Math.min(block.length, size - at), at);
    if (taken === 0) throw new Error('the file is shorter than was written');
    hash.update(block.subarray(0, taken));
    at += taken;
    tell(words, BigInt(at));
  }
}

function tell(words: BigInt64Array, answer: bigint): void {
  Atomics.store(words, ANSWER, answer);
  Atomics.notify(words, ANSWER);
}

function run({ file, shared }: FollowJob): void {
  const words = new BigInt64Array(shared, 0, WORDS);
  let answer = FAILED;
  try {
    const fd = fs.openSync(file, fs.constants.O_RDONLY);
    try {
      const digest = follow(fd, words);
      if (digest !== undefined) {
        digest.copy(new Uint8Array(shared, RESULT_AT, 64));
        answer = DONE;
      }
    } finally {
      fs.closeSync(fd);
    }
  } catch {
    // ignored: the writer hashes the file itself then, and meets the same error
  } finally {
    tell(words, answer);
  }
}

parentPort?.on('message', (job: FollowJob) => {
  run(job);
  parentPort?.postMessage('done');
});
