/** What the pods there are need of the store. */
import path from 'node:path';
import { recordIfReadable } from '../pod/record';
import type { PodDirectory } from '../pod/state';
import { isTreeId, type TreeId } from '../store/trees';
import type { Services } from './services';

export interface PodNeeds {
  readonly images: ReadonlySet<string>;
  /** With the pods that need them. */
  readonly trees: ReadonlyMap<TreeId, readonly PodUse[]>;
  /** Pods that may need anything: they are there, and their record cannot be read. */
  readonly unknown: readonly string[];
}

export interface PodUse {
  readonly id: string;
  /** It runs, or is being made to run: `image verify` must not replace the tree under it. */
  readonly inUse: boolean;
}

/** Pods that never were, or are gone but for their directory. */
const NEEDLESS: readonly PodDirectory[] = ['embryo', 'garbage'];

/**
 * Under the exclusive prepare lock this is everything: whoever makes a pod holds that lock until the pod's record is written.
 * A pod that is over keeps its trees until its directory goes, since `podctl export` reads them, but not its images.
 */
export function podNeeds({ pods }: Pick<Services, 'pods'>): PodNeeds {
  const images = new Set<string>();
  const trees = new Map<TreeId, readonly PodUse[]>();
  const unknown: string[] = [];
  for (const entry of pods.list()) {
    const state = pods.state(entry);
    if (state === undefined || NEEDLESS.includes(entry.directory)) continue;
    const record = recordIfReadable(entry.path);
    if (record === undefined) {
      if (entry.directory === 'prepared' || entry.directory === 'run') unknown.push(entry.id);
      continue;
    }
    const inUse = state === 'running' || state === 'preparing';
    for (const app of record.apps) {
      if (entry.directory !== 'exited-garbage') images.add(app.imageId);
      for (const tree of app.trees) {
        const id = path.basename(path.dirname(tree));
        if (isTreeId(id)) trees.set(id, [...(trees.get(id) ?? []), { id: entry.id, inUse }]);
      }
    }
  }
  return { images, trees, unknown };
}
