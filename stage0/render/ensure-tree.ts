/** The rendered tree of an image: there already, or made now. */
import type { AbsPath, ImageId } from '#kernel/brand';
import type { ImageManifest } from '../image/manifest';
import type { ContentStore } from '../store/cas';
import type { TreeId, Trees } from '../store/trees';
import { hasSeparateLayers } from './layer-facts';
import { type Pins, type RenderStep, renderSteps, treeIdOf } from './order';

export interface TreeStores {
  readonly images: ContentStore;
  readonly trees: Trees;
}

/**
 * The read-only root of an image with its dependencies: trees to lay over each other, uppermost first; one, but for images whose
 * layers are rendered one by one. Costs the same for every image once it was rendered: without dependencies one stat. Several
 * processes may render the same tree at once; the first one's is kept.
 * @param manifest of the image, if the caller has it already
 * @param pins which images its dependencies are, if that was decided before
 * @throws PodctlError `image-*`
 */
export async function ensureTrees(
  stores: TreeStores,
  image: ImageId,
  manifest: ImageManifest = stores.images.manifest(image),
  pins?: Pins,
): Promise<readonly AbsPath[]> {
  const separate = hasSeparateLayers(manifest.annotations);
  const known = separate ? stackOf(stores, image) : undefined;
  if (known !== undefined) return known;
  const steps = renderSteps(stores.images, image, manifest, pins);
  if (!separate || steps.some(({ whitelists }) => whitelists.length > 0))
    return [await ensureSteps(stores, image, steps)];
  const { ensureLayers } = await import('./ensure-layers.js');
  return ensureLayers(stores, steps);
}

/** What ensureLayers() found before, noted down with the image's own tree, the uppermost. */
function stackOf({ trees }: TreeStores, image: ImageId): readonly AbsPath[] | undefined {
  const own = treeIdOf([{ image, whitelists: [] }]);
  const top = trees.find(own);
  const stack = top === undefined ? undefined : trees.facts(own)?.below;
  if (top === undefined || stack === undefined) return undefined;
  const below = stack.flatMap((id) => trees.find(id) ?? []);
  return below.length === stack.length ? [top, ...below] : undefined;
}

/** The image and all it depends on in one tree. */
export async function ensureTree(
  stores: TreeStores,
  image: ImageId,
  manifest: ImageManifest = stores.images.manifest(image),
  pins?: Pins,
): Promise<AbsPath> {
  return ensureSteps(stores, image, renderSteps(stores.images, image, manifest, pins));
}

/**
 * @param image that the tree is for
 * @param options `alone` as buildTree()'s; `below`: what is noted down with the tree
 */
export async function ensureSteps(
  { images, trees }: TreeStores,
  image: ImageId,
  steps: readonly RenderStep[],
  { alone = steps.length === 1, below }: { readonly alone?: boolean; readonly below?: readonly TreeId[] } = {},
): Promise<AbsPath> {
  const id = treeIdOf(steps, alone);
  const there = trees.find(id);
  if (there !== undefined) return there;
  // The renderer is loaded only when there is something to render (warm starts count milliseconds).
  const { buildTree } = await import('./build.js');
  const tree = trees.begin();
  try {
    const rendered = buildTree(images, steps, tree.rootFd, alone);
    const layers = steps.map((step) => step.image);
    const stack = below === undefined ? {} : { below };
    return tree.commit(id, { image, layers, ...stack, ...rendered, renderedAt: Date.now() });
  } finally {
    tree.abandon();
  }
}
