/** The other side of file-digest.ts, a thread of its own: follows a growing file and hashes it. A program, not a module. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { workerData } from 'node:worker_threads';
import {
  ANSWER,
  CANCELLED,
  type DigestJob,
  DONE,
  decodeProgress,
  FAILED,
  PROGRESS,
  RESULT_AT,
  WORDS,
} from './digest-words';

/** Small enough to stay in the processor's cache between reading and hashing. */
const BLOCK_BYTES = 256 * 1024;

const { file, shared } = workerData as DigestJob;
const words = new BigInt64Array(shared, 0, WORDS);

function tell(answer: bigint): void {
  Atomics.store(words, ANSWER, answer);
  Atomics.notify(words, ANSWER);
}

/** Undefined if it was cancelled. */
function follow(fd: number): Buffer | undefined {
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
    tell(BigInt(at));
  }
}

try {
  const fd = fs.openSync(file, fs.constants.O_RDONLY);
  const digest = follow(fd);
  fs.closeSync(fd);
  digest?.copy(new Uint8Array(shared, RESULT_AT, 64));
  tell(digest === undefined ? FAILED : DONE);
} catch {
  tell(FAILED); // ignored: the writer hashes the file itself then, and meets the same error
}
