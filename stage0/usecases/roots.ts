/** Apps' roots as copies of their images (`--no-overlay`): in the pod's directory, and gone with it. */
import fs from 'node:fs';
import path from 'node:path';
import { PodctlError } from '#kernel/errors';
import { copiedRoot } from '../../stage1/plan/plan';
import type { AppSpec } from '../../stage1/plan/spec';
import type { PodEntry } from '../pod/pods';
import { copyTree } from '../render/copy-tree';

export function copyRoots(pod: PodEntry, apps: readonly AppSpec[]): void {
  for (const { name, trees } of apps) {
    const [tree, ...others] = trees;
    if (tree === undefined || others.length > 0)
      throw new PodctlError('internal', `app "${name}" has no single tree to copy`);
    const root = copiedRoot(pod.path, name);
    fs.mkdirSync(path.dirname(root), { recursive: true, mode: 0o755 });
    copyTree(tree, root);
    // As with an overlay: the store's own directory lets nobody but root pass.
    fs.chmodSync(root, 0o755);
  }
}
