/** Every rendered tree: whether it is whole, and, deeply, whether it still is what its images say. */
import fs from 'node:fs';
import type { ImageId } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { type RenderStep, renderSteps, stepOf, treeIdOf } from '../render/order';
import { isTreeId, type TreeId } from '../store/trees';
import { checkTree } from './image-verify';
import { podNeeds } from './pod-needs';
import type { Services } from './services';
import type { CheckOptions, Problem } from './store-check';

export async function* checkTrees(services: Services, options: CheckOptions): AsyncGenerator<Problem> {
  const { trees, dataDir } = services;
  for (const name of trees.names()) {
    const path = `${dataDir}/trees/${name}`;
    if (!isTreeId(name)) yield { code: 'stray', path, message: 'is no tree' };
    else if (!isWhole(services, name)) {
      if (!fs.existsSync(path)) continue; // collected meanwhile
      const repair = { what: 'removed, unless a pod runs on it', act: () => removeIdle(services, name) };
      yield { code: 'tree-incomplete', path, message: 'has no rootfs or no tree.json', repair };
    } else if (options.deep) yield* compareTree(services, name, path);
  }
}

const isWhole = ({ trees }: Services, id: TreeId): boolean =>
  trees.find(id) !== undefined && trees.facts(id)?.image !== undefined;

function removeIdle(services: Services, id: TreeId): boolean {
  const release = services.prepareLock.exclusive();
  try {
    const uses = podNeeds(services).trees.get(id) ?? [];
    return !uses.some(({ inUse }) => inUse) && services.trees.remove(id);
  } finally {
    release();
  }
}

async function* compareTree(services: Services, id: TreeId, path: string): AsyncGenerator<Problem> {
  const { image, layers = [] } = services.trees.facts(id) ?? {};
  const steps = image === undefined ? undefined : (stepsOf(services, id, image) ?? foldedSteps(services, layers));
  // Made of images that are gone, or of others than today: there is nothing left to compare it with.
  if (image === undefined || steps === undefined || treeIdOf(steps) !== id) return;
  const check = await checkTree(services, image, steps, false);
  if (check.kind !== 'changed') return;
  const [first] = check.differences;
  const act = async (): Promise<boolean> => (await repairTree(services, image, steps)) === undefined;
  const repair = { what: 'rendered again, unless a pod runs on it', act };
  yield { code: 'tree-changed', path, message: `${first?.path} ${first?.what}`, repair };
}

async function repairTree(services: Services, image: ImageId, steps: readonly RenderStep[]): Promise<unknown> {
  try {
    await checkTree(services, image, steps, true);
    return undefined;
  } catch (error) {
    if (error instanceof PodctlError && error.code === 'pod-wrong-state') return error;
    throw error;
  }
}

/** Layers that could not be rendered one by one (render/ensure-tree.ts). */
function foldedSteps({ images }: Services, layers: readonly ImageId[]): readonly RenderStep[] | undefined {
  return unlessBroken(() => layers.map((layer) => stepOf(images, layer)));
}

/** Undefined also if the tree is not made so today. */
function stepsOf({ images }: Services, id: TreeId, image: ImageId): readonly RenderStep[] | undefined {
  const steps = unlessBroken(() => renderSteps(images, image, images.manifest(image)));
  if (steps !== undefined && treeIdOf(steps) === id) return steps;
  const alone = unlessBroken(() => [stepOf(images, image)]);
  return alone !== undefined && treeIdOf(alone) === id ? alone : undefined;
}

function unlessBroken(steps: () => readonly RenderStep[]): readonly RenderStep[] | undefined {
  try {
    return steps();
  } catch (error) {
    if (error instanceof PodctlError) return undefined; // ignored: what is wrong with images is told of them
    throw error;
  }
}
