/**
 * Layers, each rendered to a tree of its own that all images share, to be laid over each other by overlayfs. What such a tree
 * cannot say is in one tree with all that is below: hard links into layers below, directories that are as a layer below has
 * them, whiteouts where there is nothing to hide (overlayfs lists them then).
 */
import fs from 'node:fs';
import path from 'node:path';
import type { AbsPath } from '#kernel/brand';
import { isErrno, PodctlError } from '#kernel/errors';
import { native } from '../../stage1/native/index';
import { O_PATH, RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS } from '../files/linux';
import type { TreeId } from '../store/trees';
import { type ByteString, toBytes } from './byte-string';
import { ensureSteps, type TreeStores } from './ensure-tree';
import type { RenderStep } from './order';

const FIND = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
const DIRECTORY = O_PATH | fs.constants.O_DIRECTORY | fs.constants.O_NOFOLLOW;

/** A tree in the stack, and the last of the layers that are in it. */
interface Laid {
  readonly index: number;
  readonly tree: AbsPath;
}

/** @param steps lowest layer first, the image itself last. @returns uppermost first */
export async function ensureLayers(stores: TreeStores, steps: readonly RenderStep[]): Promise<readonly AbsPath[]> {
  let stack: Laid[] = [];
  /** Up to this layer all are in one tree in the end. Made once: each such layer for itself would take all below each time. */
  let folded = -1;
  const fold = async (to: number): Promise<void> => {
    const tree = await ensureSteps(stores, only(steps[to]).image, steps.slice(0, to + 1), { alone: false });
    stack = [...stack.filter(({ index }) => index > to), { index: to, tree }];
  };
  for (const [index, step] of steps.entries()) {
    // Of the top directory overlayfs does not know this.
    if (step.facts.opaque) stack = [];
    if (cannotBeAlone(step)) {
      await fold(index);
      folded = -1;
      continue;
    }
    // Whether there is a directory below can be seen in trees of single layers, too.
    if (needsBelow(step, treesOf(stack))) folded = index;
    const last = index === steps.length - 1;
    if (last && folded >= 0 && folded < index) await fold(folded);
    const tree = await ensureSteps(stores, step.image, [step], last ? { below: treesOf(stack).map(idOf) } : {});
    // A layer that is there twice shows nothing the second time, and overlayfs takes no directory twice.
    stack = [{ index, tree }, ...stack.filter((other) => other.tree !== tree)];
    if (last && folded === index) await fold(folded);
  }
  return treesOf(stack);
}

const treesOf = (stack: readonly Laid[]): readonly AbsPath[] => stack.map(({ tree }) => tree);

function only(step: RenderStep | undefined): RenderStep {
  if (step === undefined) throw new PodctlError('internal', 'a layer was lost');
  return step;
}

const idOf = (rootfs: AbsPath): TreeId => path.basename(path.dirname(rootfs)) as TreeId;

/** It has links to what is below, or nobody knows what it needs. */
const cannotBeAlone = ({ facts: { links, implicit, hiding } }: RenderStep): boolean =>
  links || implicit === undefined || hiding === undefined;

/** Whether a layer's own tree, laid on `trees`, would not show what it should. */
function needsBelow({ facts: { implicit = [], hiding = [] } }: RenderStep, trees: readonly AbsPath[]): boolean {
  if (implicit.length === 0 && hiding.length === 0) return false;
  const [lower, ...others] = trees;
  if (lower === undefined) return hiding.length > 0;
  const view =
    others.length > 0
      ? native().viewOverlay(trees)
      : fs.openSync(lower, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
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
