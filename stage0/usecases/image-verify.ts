/** `image verify`: whether an image and its rendered tree still are what they were, and the repair of the tree. */
import fs from 'node:fs';
import type { ImageId } from '#kernel/brand';
import { isErrno, PodctlError } from '#kernel/errors';
import { buildTree } from '../render/build';
import { compareTrees, type Difference } from '../render/compare-trees';
import { hasSeparateLayers } from '../render/layer-facts';
import { type RenderStep, renderSteps, treeIdOf } from '../render/order';
import { rehash } from '../store/blob';
import type { StoredImage } from '../store/cas';
import type { TreeId } from '../store/trees';
import { ownImage } from './own-image';
import { podNeeds } from './pod-needs';
import type { Services } from './services';

const MAX_DIFFERENCES = 10;
const DIRECTORY = fs.constants.O_RDONLY | fs.constants.O_DIRECTORY | fs.constants.O_NOFOLLOW;

export type TreeCheck =
  | { readonly kind: 'not rendered' }
  | { readonly kind: 'sound'; readonly tree: TreeId }
  | { readonly kind: 'repaired' | 'changed'; readonly tree: TreeId; readonly differences: readonly Difference[] };

/** @throws PodctlError `image-damaged` if the stored bytes have changed: only another fetch brings them back */
export async function verifyBlob({ images }: Pick<Services, 'images'>, id: ImageId): Promise<void> {
  const is = await rehash(images.openTar(id));
  if (is === id) return;
  throw new PodctlError(
    'image-damaged',
    `image ${id.slice(0, 19)} in the store is damaged: its bytes are ${is.slice(0, 19)}`,
  );
}

/** Everything the image is rendered from, and its tree. @throws PodctlError `image-*`, `pod-wrong-state` */
export async function verifyImage(services: Services, image: StoredImage): Promise<TreeCheck> {
  const { images } = services;
  const { id } = await ownImage(services, image);
  await verifyBlob(services, id);
  const manifest = images.manifest(id);
  const steps = renderSteps(images, id, manifest);
  const layers = [...new Set(steps.map((step) => step.image))].filter((layer) => layer !== id);
  if (hasSeparateLayers(manifest.annotations)) {
    for (const layer of layers) await verifyBlob(services, layer);
    return checkLayers(services, steps);
  }
  if (services.trees.find(treeIdOf(steps)) === undefined) return { kind: 'not rendered' };
  for (const layer of layers) await verifyBlob(services, layer);
  return checkTree(services, id, steps, true);
}

/** Each layer's own tree; the worst counts. */
async function checkLayers(services: Services, steps: readonly RenderStep[]): Promise<TreeCheck> {
  let worst: TreeCheck = { kind: 'not rendered' };
  for (const step of steps) {
    const check = await checkTree(services, step.image, [step], true);
    if (check.kind === 'repaired' || worst.kind === 'not rendered') worst = check;
  }
  return worst;
}

/**
 * Renders the images again and compares. There is no recorded digest that could be wrong as well: what the tree has to be is
 * what the verified images say, and the repair is at hand.
 * @throws PodctlError `pod-wrong-state` if it has changed and pods run on it
 */
export async function checkTree(
  services: Services,
  image: ImageId,
  steps: readonly RenderStep[],
  repair: boolean,
): Promise<TreeCheck> {
  const { images, trees, now } = services;
  const id = treeIdOf(steps);
  const root = trees.find(id);
  if (root === undefined) return { kind: 'not rendered' };
  const fresh = trees.begin();
  try {
    const rendered = buildTree(images, steps, fresh.rootFd);
    const differences = await compare(root, fresh.rootFd);
    if (differences === undefined) return { kind: 'not rendered' };
    if (differences.length === 0) return { kind: 'sound', tree: id };
    if (!repair) return { kind: 'changed', tree: id, differences };
    const release = services.prepareLock.exclusive();
    try {
      if (trees.find(id) === undefined) return { kind: 'not rendered' }; // collected meanwhile
      requireIdle(services, id, differences);
      const layers = steps.map((step) => step.image);
      fresh.replace(id, { image, layers, ...rendered, renderedAt: now() });
    } finally {
      release();
    }
    return { kind: 'repaired', tree: id, differences };
  } finally {
    fresh.abandon();
  }
}

/** Undefined if the tree was collected meanwhile. */
async function compare(root: string, expected: number): Promise<readonly Difference[] | undefined> {
  const actual = openTree(root);
  if (actual === undefined) return undefined;
  try {
    const differences = await compareTrees(actual, expected, MAX_DIFFERENCES);
    return fs.existsSync(root) ? differences : undefined;
  } finally {
    fs.closeSync(actual);
  }
}

function openTree(root: string): number | undefined {
  try {
    return fs.openSync(root, DIRECTORY);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Pods that run have the old tree mounted, or are about to: taking it away would take their files away. */
function requireIdle(services: Services, tree: TreeId, [first]: readonly Difference[]): void {
  const running = (podNeeds(services).trees.get(tree) ?? []).filter((use) => use.inUse);
  if (running.length === 0) return;
  throw new PodctlError(
    'pod-wrong-state',
    `the rendered tree ${tree.slice(0, 15)} has changed (${first?.path} ${first?.what}), and pods run on it: ${running.map(({ id }) => id).join(', ')}`,
    { hint: 'stop them, and verify the image again' },
  );
}
