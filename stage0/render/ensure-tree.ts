/** The rendered tree of an image: there already, or made now. */
import type { AbsPath, ImageId } from '#kernel/brand';
import type { ImageManifest } from '../image/manifest';
import type { ContentStore } from '../store/cas';
import type { Trees } from '../store/trees';
import { type Pins, renderSteps, treeIdOf } from './order';

export interface TreeStores {
  readonly images: ContentStore;
  readonly trees: Trees;
}

/**
 * The read-only root of an image with its dependencies. Costs the same for every image once it was rendered: without
 * dependencies one stat. Several processes may render the same tree at once; the first one's is kept.
 * @param manifest of the image, if the caller has it already
 * @param pins which images its dependencies are, if that was decided before
 * @throws PodctlError `image-*`
 */
export async function ensureTree(
  { images, trees }: TreeStores,
  image: ImageId,
  manifest: ImageManifest = images.manifest(image),
  pins?: Pins,
): Promise<AbsPath> {
  const steps = renderSteps(images, image, manifest, pins);
  const id = treeIdOf(steps);
  const there = trees.find(id);
  if (there !== undefined) return there;
  // The renderer is loaded only when there is something to render (warm starts count milliseconds).
  const { buildTree } = await import('./build.js');
  const tree = trees.begin();
  try {
    const rendered = buildTree(images, steps, tree.rootFd);
    const layers = steps.map((step) => step.image);
    return tree.commit(id, { image, layers, ...rendered, renderedAt: Date.now() });
  } finally {
    tree.abandon();
  }
}
