/** The tree of one layer that is rendered while the layer is read for the first time (../image/docker/quick-layer.ts). */
import type { ImageId } from '#kernel/brand';
import { gunzipAddon } from '../../stage1/native/index';
import type { NewTree, Trees } from '../store/trees';
import { treeIdOf } from './order';

/** What is in it: bytes of all files, and number of entries. */
export interface RenderedLayer {
  readonly bytes: number;
  readonly entries: number;
}

export class LayerTree {
  readonly #tree: NewTree;

  constructor(trees: Trees) {
    this.#tree = trees.begin();
  }

  /** The directory to fill; stays the tree's. */
  get rootFd(): number {
    return this.#tree.rootFd;
  }

  /** What was rendered is durable already. */
  commit(image: ImageId, { bytes: size, entries }: RenderedLayer): void {
    const id = treeIdOf([{ image, whitelists: [] }], true);
    this.#tree.commit(id, { image, layers: [image], size, entries, renderedAt: Date.now() }, true);
  }

  /** Idempotent, and allowed after `commit`. Nobody may be writing to it any more. */
  abandon(): void {
    this.#tree.abandon();
  }

  /** Makes everything that was written to the file system durable, this tree and others. False: it failed. */
  sync(): Promise<boolean> {
    return gunzipAddon().syncfs(this.#tree.rootFd);
  }
}
