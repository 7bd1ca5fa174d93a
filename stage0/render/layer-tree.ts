/**
 * The tree of one layer, filled while the layer is read for the first time: its content goes to the disk and into the store in
 * one pass, and is not read back. The result is that of `buildTree` with this layer alone.
 */
import type { ImageId } from '#kernel/brand';
import { native } from '../../stage1/native/index';
import type { NewTree, Trees } from '../store/trees';
import { openTarget } from './build';
import { Extractor, finishDirectories, type Target } from './extract';
import { treeIdOf } from './order';
import type { TarEntry, TarSink } from './tar-entry';
import { Whiteouts } from './whiteouts';

export class LayerTree implements TarSink {
  readonly #tree: NewTree;
  readonly #target: Target;
  readonly #whiteouts = new Whiteouts();
  readonly #extractor: Extractor;
  #open = true;

  constructor(trees: Trees) {
    this.#tree = trees.begin();
    this.#target = openTarget(this.#tree.rootFd);
    this.#extractor = new Extractor(this.#target, undefined, this.#whiteouts);
  }

  entry(entry: TarEntry): void {
    this.#extractor.entry(entry);
  }

  data(chunk: Buffer): void {
    this.#extractor.data(chunk);
  }

  hole(size: number): void {
    this.#extractor.hole(size);
  }

  fileEnd(): void {
    this.#extractor.fileEnd();
  }

  /** The layer is complete. */
  finish(): void {
    const { addon, tree, directories } = this.#target;
    this.#whiteouts.mark(addon, tree, directories);
    finishDirectories(this.#target);
    this.#close();
  }

  /** @param synced somebody has made everything on its file system durable since `finish` */
  commit(image: ImageId, synced: boolean): void {
    const { bytes: size, entries } = this.#extractor;
    const id = treeIdOf([{ image, whitelists: [] }], true);
    this.#tree.commit(id, { image, layers: [image], size, entries, renderedAt: Date.now() }, synced);
  }

  /** Idempotent, and allowed after `commit`. */
  abandon(): void {
    this.#close();
    this.#tree.abandon();
  }

  /** Makes everything that was written to the file system durable, this tree and others. */
  sync(): void {
    native().syncfs(this.#tree.rootFd);
  }

  #close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#extractor.abandon();
    this.#target.tree.close();
  }
}
