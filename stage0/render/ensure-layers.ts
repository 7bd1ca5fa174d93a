/**
 * Layers, each rendered to a tree of its own that all images share, to be laid over each other by overlayfs. What such a tree
 * cannot say is in one tree with all that is below: hard links into layers below, directories that are as a layer below has
 * them, whiteouts where there is nothing to hide (overlayfs lists them then).
 */
import fs from 'node:fs';
import path from 'node:path';
import type { AbsPath } from '#kernel/brand';
import { isErrno } from '#kernel/errors';
import { native } from '../../stage1/native/index';
import { O_PATH, RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS } from '../files/linux';
import type { TreeId } from '../store/trees';
import { type ByteString, toBytes } from './byte-string';
import { ensureSteps, type TreeStores } from './ensure-tree';
import type { RenderStep } from './order';

const FIND = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
const DIRECTORY = O_PATH | fs.constants.O_DIRECTORY | fs.constants.O_NOFOLLOW;

/** @param steps lowest layer first, the image itself last. @returns uppermost first */
export async function ensureLayers(stores: TreeStores, steps: readonly RenderStep[]): Promise<readonly AbsPath[]> {
  const trees: AbsPath[] = [];
  for (const [index, step] of steps.entries()) {
    // Of the top directory overlayfs does not know this.
    if (step.facts.opaque) trees.splice(0);
    if (needsBelow(step, trees)) {
      const folded = await ensureSteps(stores, step.image, steps.slice(0, index + 1), { alone: false });
      trees.splice(0, trees.length, folded);
    } else {
      const last = index === steps.length - 1;
      const tree = await ensureSteps(stores, step.image, [step], last ? { below: trees.map(idOf) } : {});
      // A layer that is there twice shows nothing the second time, and overlayfs takes no directory twice.
      const before = trees.indexOf(tree);
      if (before >= 0) trees.splice(before, 1);
      trees.unshift(tree);
    }
  }
  return trees;
}

const idOf = (rootfs: AbsPath): TreeId => path.basename(path.dirname(rootfs)) as TreeId;

/** Whether a layer cannot be rendered alone, to lie on `trees`. */
function needsBelow({ facts: { links, implicit, hiding } }: RenderStep, trees: readonly AbsPath[]): boolean {
  if (links || implicit === undefined || hiding === undefined) return true;
  if (implicit.length === 0 && hiding.length === 0) return false;
  const [only, ...others] = trees;
  if (only === undefined) return hiding.length > 0;
  const view =
    others.length > 0
      ? native().viewOverlay(trees)
      : fs.openSync(only, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  try {
    return implicit.some((at) => hasDirectory(view, at)) || !hiding.every((at) => hasDirectory(view, at));
  } finally {
    fs.closeSync(view);
  }
}

function hasDirectory(view: number, at: ByteString): boolean {
  try {
    fs.closeSync(native().openat2(view, toBytes(at), DIRECTORY, 0, FIND));
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EXDEV', 'ENAMETOOLONG', 'EINVAL')) return false;
    throw error;
  }
}
