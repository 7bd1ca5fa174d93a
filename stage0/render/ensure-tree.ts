/** The rendered tree of an image: there already, or made now. */
import fs from 'node:fs';
import type { AbsPath, ImageId } from '#kernel/brand';
import type { ImageManifest } from '../image/manifest';
import type { ContentStore } from '../store/cas';
import type { Trees } from '../store/trees';
import { toBytes } from './byte-string';
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
  const steps = renderSteps(stores.images, image, manifest, pins);
  const separate = hasSeparateLayers(manifest.annotations) && steps.every(({ whitelists }) => whitelists.length === 0);
  if (!separate) return [await ensureSteps(stores, image, steps)];
  const trees: AbsPath[] = [];
  for (const [index, step] of steps.entries()) {
    if (index > 0 && needsBelow(step, trees)) {
      const folded = await ensureSteps(stores, step.image, steps.slice(0, index + 1));
      trees.splice(0, trees.length, folded);
    } else trees.unshift(await ensureSteps(stores, step.image, [step]));
  }
  return trees;
}

/** Whether a layer cannot be rendered alone: its files or directories are partly those of the trees below. */
function needsBelow({ facts: { links, implicit } }: RenderStep, trees: readonly AbsPath[]): boolean {
  if (links || implicit === undefined) return true;
  // Compared by name only: at worst a layer is rendered again that could have been shared.
  return implicit.some((path) =>
    trees.some((tree) => fs.existsSync(Buffer.concat([Buffer.from(`${tree}/`), toBytes(path)]))),
  );
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

async function ensureSteps(
  { images, trees }: TreeStores,
  image: ImageId,
  steps: readonly RenderStep[],
): Promise<AbsPath> {
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
