/** A layer on its way into the store, whatever is in it: it is converted here, and rendered later, as any image. */
import { TarReader } from '../../render/tar';
import type { NewImage } from '../../store/cas';
import { LayerConverter } from './layer';
import type { LayerTaker, TakenLayer } from './take-layer';

export class ThoroughLayer implements LayerTaker {
  readonly image: NewImage;
  readonly #converter: LayerConverter;
  readonly #tar: TarReader;
  readonly gaveUp = false;

  /** @param image nothing was written to it yet; it is this object's from now on */
  constructor(image: NewImage) {
    this.image = image;
    this.#converter = new LayerConverter((bytes) => image.write(bytes));
    this.#tar = new TarReader(this.#converter, true);
  }

  /** @throws PodctlError `image-*` */
  take(chunk: Buffer): void {
    this.#tar.write(chunk);
  }

  /** @throws PodctlError `image-archive-invalid` */
  async finish(diffId: string): Promise<TakenLayer> {
    this.#tar.finish();
    const manifest = this.#converter.finish(diffId);
    await this.image.settled();
    return { manifest };
  }

  async abandon(): Promise<void> {
    this.image.abandon();
  }
}
