/**
 * Whiteouts of layers (OCI image specification, "Representing Changes"): `.wh.NAME` hides NAME of the layers below, `.wh..wh..opq`
 * in a directory hides all that those have in it. They say nothing of what is in their own layer, wherever in it they stand.
 */
import fs from 'node:fs';
import { isErrno } from '#kernel/errors';
import type { Addon } from '../../stage1/native/index';
import { type ByteString, toBytes } from './byte-string';
import { CONFINED, type ConfinedTree } from './confined';
import type { Directories } from './directories';
import { baseOf, entryPath, parentOf, refuse } from './entry-path';
import type { TarEntry, TarSink } from './tar-entry';

const PREFIX = '.wh.';
const OPAQUE = '.wh..wh..opq';
/** What aufs kept for itself begins so. */
const OF_AUFS = '.wh..wh.';

export type Whiteout =
  | { readonly kind: 'hide'; readonly path: ByteString }
  /** `path` is the directory; empty at the top. */
  | { readonly kind: 'opaque'; readonly path: ByteString }
  | { readonly kind: 'nothing' };

/** Undefined if the entry is none. @throws PodctlError `image-path-escape`, `image-layout-invalid` */
export function parseWhiteout(path: ByteString, entry: TarEntry): Whiteout | undefined {
  const parent = parentOf(path);
  if (parent.startsWith(PREFIX) || parent.includes(`/${PREFIX}`))
    throw refuse('image-layout-invalid', 'lies below a whiteout', entry);
  const base = baseOf(path);
  if (!base.startsWith(PREFIX)) return undefined;
  if (entry.type === 'directory') throw refuse('image-layout-invalid', 'is a whiteout, but a directory', entry);
  if (base === OPAQUE) return { kind: 'opaque', path: parent };
  if (base.startsWith(OF_AUFS)) return { kind: 'nothing' };
  const name = base.slice(PREFIX.length);
  if (name === '' || name === '.' || name === '..')
    throw refuse('image-path-escape', 'is a whiteout of no entry of its directory', entry);
  return { kind: 'hide', path: (parent === '' ? name : `${parent}/${name}`) as ByteString };
}

const S_IFCHR = 0o020000;
const OVERLAY_OPAQUE = 'trusted.overlay.opaque';
const YES = Buffer.from('y');
const DIRECTORY = fs.constants.O_RDONLY | fs.constants.O_DIRECTORY | fs.constants.O_NOFOLLOW;

/** Those of one layer, gathered while it is read. */
export class Whiteouts {
  readonly #hidden = new Set<ByteString>();
  readonly #opaque = new Set<ByteString>();

  add(whiteout: Whiteout): void {
    if (whiteout.kind === 'hide') this.#hidden.add(whiteout.path);
    if (whiteout.kind === 'opaque') this.#opaque.add(whiteout.path);
  }

  /**
   * In a tree that holds the layer alone, as overlayfs(5) has them: a character device 0:0, and an attribute of the directory. Where
   * the layer has something itself, that hides what is below already, if it is not merged: a directory becomes opaque.
   */
  mark(addon: Addon, tree: ConfinedTree, directories: Directories): void {
    for (const path of this.#hidden) if (directories.has(path)) this.#opaque.add(path);
    for (const path of this.#hidden) {
      const parent = parentOf(path);
      // Whatever took the directory's place hides what was in it; in an opaque one there is nothing more to hide.
      if (!directories.has(parent) || directories.has(path) || this.#isInOpaque(path)) continue;
      tree.trim();
      try {
        const [directory, name] = [tree.directory(parent), toBytes(baseOf(path))];
        addon.mknodat(directory, name, S_IFCHR, 0, 0);
        addon.utimensat(directory, name, 0, 0); // so that rendering twice gives the same tree
      } catch (error) {
        if (!isErrno(error, 'EEXIST')) throw error;
      }
    }
    for (const path of this.#opaque) {
      tree.trim();
      if (!directories.has(path)) continue;
      addon.lsetxattrat(tree.directory(path), Buffer.from('.'), Buffer.from(OVERLAY_OPAQUE), YES);
    }
  }

  #isInOpaque(path: ByteString): boolean {
    for (let at = path; at !== ''; ) {
      at = parentOf(at);
      if (this.#opaque.has(at)) return true;
    }
    return false;
  }

  /** In a tree of the layers below, before anything of this one is in it: what they hide is removed. */
  apply(addon: Addon, tree: ConfinedTree): void {
    for (const path of this.#hidden) {
      tree.trim();
      tree.removeIfThere(path);
    }
    for (const path of this.#opaque) {
      tree.trim();
      for (const name of entriesOf(addon, tree, path))
        tree.removeIfThere((path === '' ? name : `${path}/${name}`) as ByteString);
    }
  }
}

const ROOTFS = 'rootfs/';

/** Gathers the whiteouts of an archive. */
export const whiteoutsOf = (whiteouts: Whiteouts): TarSink => ({
  entry(entry) {
    const path = entryPath(entry);
    if (!path.startsWith(ROOTFS)) return;
    const found = parseWhiteout(path.slice(ROOTFS.length) as ByteString, entry);
    if (found !== undefined) whiteouts.add(found);
  },
  data: () => undefined,
  hole: () => undefined,
  fileEnd: () => undefined,
});

function entriesOf(addon: Addon, tree: ConfinedTree, path: ByteString): readonly ByteString[] {
  const place = tree.find(path === '' ? ('.' as ByteString) : path);
  if (place === undefined) return [];
  let fd: number;
  try {
    fd = addon.openat2(place.dirFd, place.name, DIRECTORY, 0, CONFINED);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return [];
    throw error;
  }
  try {
    return fs.readdirSync(`/proc/self/fd/${fd}`, { encoding: 'latin1' }) as ByteString[];
  } finally {
    fs.closeSync(fd);
  }
}
