/**
 * A layer on its way into the store by the addon: its ACI is written and hashed, and its tree made, on threads of Node's pool. The
 * addon knows what layers usually have; where it gives up, `thorough-layer.ts` does the whole layer again, and says what is wrong.
 */
import type { LayerMaker } from '../../../stage1/native/gunzip_addon';
import { gunzipAddon } from '../../../stage1/native/index';
import type { ByteString } from '../../render/byte-string';
import { told } from '../../render/layer-facts';
import type { LayerTree, RenderedLayer } from '../../render/layer-tree';
import type { NewImage } from '../../store/cas';
import { aciEnd, aciStart } from './layer';
import { layerManifest } from './manifest';
import type { FilledTree, LayerTaker, TakenLayer } from './take-layer';

export class QuickLayer implements LayerTaker {
  readonly image: NewImage;
  #tree: LayerTree | undefined;
  readonly #maker: LayerMaker;
  /** The last call of the addon: while it goes on, nothing may be closed or removed. */
  #call: Promise<boolean> = Promise.resolve(true);
  #gaveUp = false;

  /** @param image nothing was written to it yet; image and tree are this object's from now on */
  constructor(image: NewImage, tree: LayerTree | undefined) {
    this.image = image;
    this.#tree = tree;
    this.#maker = new (gunzipAddon().LayerMaker)(image.fd, tree?.rootFd ?? -1, aciStart());
  }

  get gaveUp(): boolean {
    return this.#gaveUp;
  }

  async take(chunk: Buffer): Promise<void> {
    if (!this.#gaveUp) await this.#keep(this.#maker.write(chunk));
  }

  async finish(diffId: string): Promise<TakenLayer | undefined> {
    const facts = this.#maker.facts();
    if (facts === undefined) return undefined;
    const { links, opaque, implicit, hiding } = facts;
    const [impliedNames, hidingNames] = [implicit, hiding].map((names) => told(names as readonly ByteString[]));
    const manifest = layerManifest(diffId, { links, opaque, implicit: impliedNames, hiding: hidingNames });
    if (!(await this.#keep(this.#maker.finish(aciEnd(manifest))))) return undefined;
    const { size, digest, tree } = this.#maker.made();
    this.image.wrote(size, digest.toString('hex'));
    return { manifest, filled: this.#hand(tree) };
  }

  async abandon(): Promise<void> {
    await this.#call;
    this.#maker.close();
    this.#tree?.abandon();
    this.#tree = undefined;
    this.image.abandon();
  }

  async #keep(call: Promise<boolean>): Promise<boolean> {
    this.#call = call;
    const isDone = await call;
    if (!isDone) this.#gaveUp = true;
    return isDone;
  }

  #hand(layer: RenderedLayer | undefined): FilledTree | undefined {
    const tree = this.#tree;
    if (tree === undefined || layer === undefined) return undefined;
    this.#tree = undefined;
    return { tree, layer };
  }
}
