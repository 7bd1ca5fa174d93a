/** The other side of follower.ts, a thread of its own: follows growing files, one after another. A program, not a module. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { LayerRenderer } from '../render/layer-renderer';
import {
  ANSWER,
  CANCELLED,
  DONE,
  decodeProgress,
  FAILED,
  type FollowJob,
  PROGRESS,
  RESULT_AT,
  TREE_BYTES,
  TREE_ENTRIES,
  TREE_SYNCED,
  WORDS,
} from './follower-words';

/** Small enough to stay in the processor's cache between reading, hashing and writing. */
const BLOCK_BYTES = 512 * 1024;
/** A smaller tree is made durable together with others, in one wait for the disk. */
const SYNC_FROM_BYTES = 16 * 1024 * 1024;

/** The tree of what is followed, as long as it can be made. What is in the way is said when the image is rendered again. */
class Tree {
  #renderer: LayerRenderer | undefined;

  constructor(rootFd: number) {
    this.#attempt(() => {
      if (rootFd >= 0) this.#renderer = new LayerRenderer(rootFd);
    });
  }

  write(block: Buffer): void {
    this.#attempt((renderer) => renderer?.write(block));
  }

  finish(words: BigInt64Array): void {
    this.#attempt((renderer) => {
      if (renderer === undefined) return;
      const { bytes, entries } = renderer.finish();
      const isLarge = bytes >= SYNC_FROM_BYTES;
      if (isLarge) renderer.sync();
      Atomics.store(words, TREE_BYTES, BigInt(bytes));
      Atomics.store(words, TREE_SYNCED, isLarge ? 1n : 0n);
      Atomics.store(words, TREE_ENTRIES, BigInt(entries));
    });
  }

  abandon(): void {
    this.#renderer?.abandon();
    this.#renderer = undefined;
  }

  #attempt(step: (renderer: LayerRenderer | undefined) => void): void {
    try {
      step(this.#renderer);
    } catch {
      this.abandon(); // ignored: there is no tree then, and whoever wants one renders the image, and meets the same error
    }
  }
}

/** Undefined if it was cancelled. */
function follow(fd: number, words: BigInt64Array, tree: Tree): Buffer | undefined {
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
    const bytes = block.subarray(0, taken);
    hash.update(bytes);
    tree.write(bytes);
    at += taken;
    tell(words, BigInt(at));
  }
}

function tell(words: BigInt64Array, answer: bigint): void {
  Atomics.store(words, ANSWER, answer);
  Atomics.notify(words, ANSWER);
}

function run({ file, rootFd, shared }: FollowJob): void {
  const words = new BigInt64Array(shared, 0, WORDS);
  const tree = new Tree(rootFd);
  let answer = FAILED;
  try {
    const fd = fs.openSync(file, fs.constants.O_RDONLY);
    try {
      const digest = follow(fd, words, tree);
      if (digest !== undefined) {
        digest.copy(new Uint8Array(shared, RESULT_AT, 64));
        tree.finish(words);
        answer = DONE;
      }
    } finally {
      fs.closeSync(fd);
    }
  } catch {
    // ignored: the writer hashes the file itself then, and meets the same error
  } finally {
    tree.abandon();
    tell(words, answer);
  }
}

parentPort?.on('message', (job: FollowJob) => {
  run(job);
  parentPort?.postMessage('done');
});
