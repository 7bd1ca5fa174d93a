/** Apps' roots as copies of their images (`--no-overlay`): in the pod's directory, and gone with it. */
import fs from 'node:fs';
import path from 'node:path';
import type { AbsPath } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { native } from '../../stage1/native/index';
import { copiedRoot } from '../../stage1/plan/plan';
import type { AppSpec } from '../../stage1/plan/spec';
import type { PodEntry } from '../pod/pods';
import { viewTrees } from '../pod/tree-view';
import { copyTree } from '../render/copy-tree';

export function copyRoots(pod: PodEntry, apps: readonly AppSpec[]): void {
  for (const { name, trees } of apps) {
    const root = copiedRoot(pod.path, name);
    fs.mkdirSync(path.dirname(root), { recursive: true, mode: 0o755 });
    copyTrees(trees, root);
    // As with an overlay: the store's own directory lets nobody but root pass.
    fs.chmodSync(root, 0o755);
  }
}

/** What a directory of an image holds, with its owner and mode. False if the image has none there. */
export function copyOfImage(trees: readonly AbsPath[], directory: AbsPath, to: string): boolean {
  return viewTrees(trees, native(), (view) => {
    const from = view.openDirectory(directory);
    if (from === undefined) return false;
    try {
      fs.mkdirSync(path.dirname(to), { recursive: true, mode: 0o755 });
      copyTree(`/proc/self/fd/${from}`, to);
    } finally {
      fs.closeSync(from);
    }
    return true;
  });
}

/** Of several, what the kernel makes of them: without whiteouts. */
function copyTrees(trees: readonly AbsPath[], root: string): void {
  const [only, ...others] = trees;
  if (only === undefined) throw new PodctlError('internal', 'an app has no tree to copy');
  if (others.length === 0) {
    copyTree(only, root);
    return;
  }
  const view = native().viewOverlay(trees);
  try {
    copyTree(`/proc/self/fd/${view}`, root);
  } finally {
    fs.closeSync(view);
  }
}
