/** An app's root as its programs see it, opened to be looked at: of a pod that has ended, or of one that runs. */
import fs from 'node:fs';
import type { AbsPath } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { copiedRoot, overlayDirectories } from '../../stage1/plan/plan';
import type { PodEntry } from './pods';
import type { AppRecord, PodRecord } from './record';
import type { ViewPort } from './tree-view';

const READ_DIRECTORY = fs.constants.O_RDONLY | fs.constants.O_DIRECTORY;

/**
 * Of a pod that has ended and is held; of an overlay merged by the kernel, whiteouts, renamed directories and all.
 * @returns an open directory. @throws PodctlError `pod-damaged`
 */
export function openEndedRoot(
  entry: PodEntry,
  { name, trees }: Pick<AppRecord, 'name' | 'trees'>,
  roots: PodRecord['roots'],
  port: ViewPort,
): number {
  if (roots === 'copy') return fs.openSync(copiedRoot(entry.path, name), READ_DIRECTORY);
  const { upper } = overlayDirectories(entry.path, name);
  // A pod that failed early may never have got its own layer.
  const layers = fs.existsSync(upper) ? [upper, ...trees] : trees;
  const [only] = layers;
  if (layers.length > 1) return port.viewOverlay(layers);
  if (only === undefined) throw new PodctlError('pod-damaged', `pod ${entry.id} has no image tree for app "${name}"`);
  return fs.openSync(only, READ_DIRECTORY);
}

/**
 * Of a pod that runs: what its init has mounted, since no second overlay may be made of the same layers.
 * @param root in the pod-level root. @returns an open directory
 */
export const openRunningRoot = (init: number, root: AbsPath): number =>
  fs.openSync(`/proc/${init}/root${root}`, READ_DIRECTORY);
