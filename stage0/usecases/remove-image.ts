/**
 * `image rm`: an image, and those layers of it (Docker, OCI) that no other image has. Layers have names that nobody knows, so
 * nobody would remove them. Cut short, it leaves layers, which `image gc` takes.
 */
import type { ImageId } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { isLayer } from '../render/layer-facts';
import type { ContentStore } from '../store/cas';

/**
 * Somebody who stores an image of the same layers meanwhile notices that they are gone (importImage), and tries again.
 * @returns how many layers went with it; undefined: it was not there
 */
export function removeImage(images: ContentStore, id: ImageId): number | undefined {
  const layers = dependenciesOf(images, id).filter((layer) => isLayerImage(images, layer));
  if (!images.remove(id)) return undefined;
  if (layers.length === 0) return 0;
  const needed = new Set(images.list().flatMap((image) => dependenciesOf(images, image.id)));
  return [...new Set(layers)].filter((layer) => !needed.has(layer) && images.remove(layer)).length;
}

const isLayerImage = (images: ContentStore, id: ImageId): boolean =>
  readable(() => isLayer(images.manifest(id).annotations)) ?? false;

const dependenciesOf = (images: ContentStore, id: ImageId): readonly ImageId[] =>
  (readable(() => images.manifest(id).dependencies) ?? []).flatMap(({ imageID }) => imageID ?? []);

function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof PodctlError) return undefined; // ignored: what is damaged, another user's or gone needs nothing
    throw error;
  }
}
