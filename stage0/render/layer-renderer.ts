/**
 * Fills the tree of one layer while the layer's ACI is written for the first time, in a thread that reads it behind the writer
 * (../store/follower-thread.ts). The result is that of `buildTree` with this layer alone.
 */
import { native } from '../../stage1/native/index';
import { openTarget } from './build';
import { Extractor, finishDirectories, type Target } from './extract';
import { TarReader } from './tar';
import { Whiteouts } from './whiteouts';

export class LayerRenderer {
  readonly #rootFd: number;
  readonly #target: Target;
  readonly #whiteouts = new Whiteouts();
  readonly #extractor: Extractor;
  readonly #reader: TarReader;

  /** @param rootFd an empty directory; stays the caller's */
  constructor(rootFd: number) {
    this.#rootFd = rootFd;
    this.#target = openTarget(rootFd);
    this.#extractor = new Extractor(this.#target, undefined, this.#whiteouts);
    this.#reader = new TarReader(this.#extractor);
  }

  /** The next bytes of the ACI. @throws PodctlError `image-*`, and what the file system throws */
  write(bytes: Buffer): void {
    this.#reader.write(bytes);
  }

  /** The ACI is complete. Bytes of all files, and number of entries. @throws as `write` */
  finish(): { readonly bytes: number; readonly entries: number } {
    const { addon, tree, directories } = this.#target;
    this.#reader.finish();
    this.#whiteouts.mark(addon, tree, directories);
    finishDirectories(this.#target);
    return this.#extractor;
  }

  /** Makes everything that was written to the file system durable, this tree and others. */
  sync(): void {
    native().syncfs(this.#rootFd);
  }

  /** Closes what is open. Idempotent, and allowed after `finish`. */
  abandon(): void {
    this.#extractor.abandon();
    this.#target.tree.close();
  }
}
