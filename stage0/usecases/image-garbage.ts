/** `image gc`: rendered trees that no pod uses, and images that were last used long ago. */
import type { ImageId } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { renderSteps } from '../render/order';
import { isTreeId } from '../store/trees';
import { podNeeds } from './pod-needs';
import type { Services } from './services';

export type ImageGcEvent =
  | { readonly kind: 'tree'; readonly id: string }
  | { readonly kind: 'image'; readonly id: ImageId; readonly name: string }
  /** A pod that cannot say what it needs: nothing is removed while it is there. */
  | { readonly kind: 'kept'; readonly pod: string };

/**
 * Decides and renames under the prepare lock, so that no pod that is being made loses what it has found; deletes after that.
 * @param graceMs images used within it stay
 */
export function collectImages(services: Services, graceMs: number, report: (event: ImageGcEvent) => void): void {
  const { images, trees, prepareLock, now } = services;
  const doomed: (() => unknown)[] = [];
  const release = prepareLock.exclusive();
  try {
    const needs = podNeeds(services);
    for (const pod of needs.unknown) report({ kind: 'kept', pod });
    if (needs.unknown.length > 0) return;
    for (const id of trees.names().filter(isTreeId)) {
      if (needs.trees.has(id)) continue;
      doomed.push(trees.detach(id));
      report({ kind: 'tree', id });
    }
    const kept = keptImages(
      services,
      (id, lastUsedAt) => needs.images.has(id) || Math.max(0, now() - lastUsedAt) < graceMs,
    );
    for (const { id, name } of images.list()) {
      if (kept.has(id)) continue;
      doomed.push(images.detach(id));
      report({ kind: 'image', id, name });
    }
  } finally {
    release();
    for (const finish of doomed) finish();
  }
}

/** Those that are kept, and all that they are rendered from. */
function keptImages({ images }: Services, keep: (id: ImageId, lastUsedAt: number) => boolean): ReadonlySet<ImageId> {
  const kept = new Set<ImageId>();
  for (const { id, lastUsedAt } of images.list()) {
    if (!keep(id, lastUsedAt)) continue;
    kept.add(id);
    for (const layer of layersOf(images, id)) kept.add(layer);
  }
  return kept;
}

function layersOf(images: Services['images'], id: ImageId): readonly ImageId[] {
  try {
    return renderSteps(images, id, images.manifest(id)).map(({ image }) => image);
  } catch (error) {
    if (error instanceof PodctlError) return []; // ignored: it cannot be rendered as it is, so it needs nothing
    throw error;
  }
}
