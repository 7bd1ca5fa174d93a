/**
 * Removes a directory and all below it, as hostile as its content may be: names that are not UTF-8, directories swapped for
 * symbolic links meanwhile (never followed), mounts (never entered), and chains deeper than there are file descriptors.
 */
import fs from 'node:fs';
import path from 'node:path';
import { isErrno } from '#kernel/errors';
import { type Addon, native } from '../../stage1/native/index';
import { AT_REMOVEDIR, RENAME_NOREPLACE, RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, RESOLVE_NO_XDEV } from './linux';

/** Directories deeper than this are first moved to the top of what is being removed; each level holds a descriptor. */
const MAX_OPEN_LEVELS = 64;

/** Does nothing if there is no `directory`. */
export function removeTree(directory: string, addon: Addon = native()): void {
  let parent: number;
  try {
    parent = fs.openSync(path.dirname(directory), fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    throw error;
  }
  try {
    removeAt(parent, Buffer.from(path.basename(directory)), addon);
  } finally {
    fs.closeSync(parent);
  }
}

/** Removes `name` in an open directory, whatever it is. */
export function removeAt(parent: number, name: Buffer, addon: Addon = native()): void {
  // Most trees go in one call of the addon, in a fifth of the time. What is left can say why.
  if (!addon.removeShallow(parent, name)) new Removal(addon).remove(parent, name);
}

class Removal {
  readonly #addon: Addon;
  #top = -1;
  #moved = 0;

  constructor(addon: Addon) {
    this.#addon = addon;
  }

  remove(parent: number, name: Buffer): void {
    let fd: number;
    try {
      fd = this.#open(parent, name);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return;
      if (!isErrno(error, 'ENOTDIR', 'ELOOP')) throw error;
      this.#unlink(parent, name, 0);
      return;
    }
    try {
      this.#top = fd;
      // Again while chains too deep to open come up to this level.
      do {
        this.#moved = 0;
        this.#empty(fd, 1);
      } while (this.#moved > 0);
    } finally {
      fs.closeSync(fd);
    }
    this.#unlink(parent, name, AT_REMOVEDIR);
  }

  #empty(dirFd: number, level: number): void {
    for (const entry of fs.readdirSync(`/proc/self/fd/${dirFd}`, { encoding: 'buffer', withFileTypes: true })) {
      const name = entry.name as unknown as Buffer;
      if (!entry.isDirectory()) this.#unlink(dirFd, name, 0);
      else if (level < MAX_OPEN_LEVELS) this.#removeDirectory(dirFd, name, level);
      else this.#moveToTop(dirFd, name);
    }
  }

  #removeDirectory(parent: number, name: Buffer, level: number): void {
    const fd = this.#open(parent, name);
    try {
      this.#empty(fd, level + 1);
    } finally {
      fs.closeSync(fd);
    }
    this.#unlink(parent, name, AT_REMOVEDIR);
  }

  #open(parent: number, name: Buffer): number {
    const flags = fs.constants.O_RDONLY | fs.constants.O_DIRECTORY | fs.constants.O_NOFOLLOW;
    return this.#addon.openat2(parent, name, flags, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
  }

  #moveToTop(parent: number, name: Buffer): void {
    for (let number = 0; ; number += 1) {
      try {
        this.#addon.renameat2(parent, name, this.#top, `.podctl-deep-${number}`, RENAME_NOREPLACE);
        this.#moved += 1;
        return;
      } catch (error) {
        if (!isErrno(error, 'EEXIST')) throw error;
      }
    }
  }

  #unlink(parent: number, name: Buffer, flags: number): void {
    try {
      this.#addon.unlinkat(parent, name, flags);
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error; // another process removes the same tree
    }
  }
}
