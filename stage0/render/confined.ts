/**
 * A tree being written to, through descriptors only: every path is walked one component at a time, each opened beneath its
 * open parent with openat2(RESOLVE_BENEATH | NO_SYMLINKS | NO_MAGICLINKS | NO_XDEV). No name in an archive, and no process
 * that swaps directories for links meanwhile, leads out of the tree.
 */
import fs from 'node:fs';
import { isErrno } from '#kernel/errors';
import type { Addon } from '../../stage1/native/index';
import { RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_NO_XDEV } from '../files/linux';
import { removeAt } from '../files/remove-tree';
import { type ByteString, toBytes } from './byte-string';
import { baseOf, parentOf } from './entry-path';

export const CONFINED = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
const OPEN_DIRECTORY = fs.constants.O_RDONLY | fs.constants.O_DIRECTORY | fs.constants.O_NOFOLLOW;
/** Archives go through directories in order, so a few open ones serve nearly every entry. */
const MAX_OPEN = 256;

/** A place for an entry: its directory, open, and its name there. */
export interface Place {
  readonly dirFd: number;
  readonly name: Buffer;
}

/** Told of directories that appear and vanish as a side effect. */
export interface DirectoryEvents {
  /** A directory was made, with mode 0700. */
  made(path: ByteString): void;
  /** What was there, and all below it, was removed. */
  removed(path: ByteString): void;
}

export class ConfinedTree {
  readonly #addon: Addon;
  readonly #rootFd: number;
  readonly #events: DirectoryEvents;
  readonly #open = new Map<ByteString, number>();
  /** Directories it made, which may be closed meanwhile. */
  readonly #made = new Set<ByteString>();

  /** `rootFd` stays the caller's. */
  constructor(addon: Addon, rootFd: number, events: DirectoryEvents) {
    this.#addon = addon;
    this.#rootFd = rootFd;
    this.#events = events;
  }

  /** Where an entry belongs. Missing directories are made; what is no directory but in the way is replaced (appc C6). */
  place(path: ByteString): Place {
    return { dirFd: this.directory(parentOf(path)), name: toBytes(baseOf(path)) };
  }

  /** The open directory at `path`, made if it is not there. Valid until the next call of `trim` or `close`. */
  directory(path: ByteString): number {
    if (path === '') return this.#rootFd;
    const known = this.#open.get(path);
    if (known !== undefined) return known;
    const place = { dirFd: this.directory(parentOf(path)), name: toBytes(baseOf(path)) };
    const fd = this.#openOrMake(path, place);
    this.#open.set(path, fd);
    return fd;
  }

  /** The same of something that may be there: undefined if there is no such directory. Nothing is made. */
  find(path: ByteString): Place | undefined {
    const parent = parentOf(path);
    let dirFd = parent === '' ? this.#rootFd : this.#open.get(parent);
    if (dirFd === undefined) {
      try {
        dirFd = this.#addon.openat2(this.#rootFd, toBytes(parent), OPEN_DIRECTORY, 0, CONFINED);
      } catch (error) {
        if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
        throw error;
      }
      this.#open.set(parent, dirFd);
    }
    return { dirFd, name: toBytes(baseOf(path)) };
  }

  /** With all below it. */
  removeIfThere(path: ByteString): void {
    const place = this.find(path);
    if (place !== undefined) this.#remove(path, place);
  }

  /** Between entries: keeps the number of open directories bounded. */
  trim(): void {
    if (this.#open.size > MAX_OPEN) this.close();
  }

  /** Calls `create`; if something is in its place already, removes that and calls it again (appc C5). */
  replace(path: ByteString, place: Place, create: () => void): void {
    try {
      create();
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
      this.#remove(path, place);
      create();
    }
  }

  /** Closes all directories it opened; it opens them again as needed. */
  close(): void {
    for (const fd of this.#open.values()) fs.closeSync(fd);
    this.#open.clear();
  }

  #openOrMake(path: ByteString, place: Place): number {
    // Most are new, and asking first whether one is there costs an error for each.
    if (!this.#made.has(path) && this.#make(path, place))
      return this.#addon.openat2(place.dirFd, place.name, OPEN_DIRECTORY, 0, CONFINED);
    try {
      return this.#addon.openat2(place.dirFd, place.name, OPEN_DIRECTORY, 0, CONFINED);
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw error;
      if (!isErrno(error, 'ENOENT')) this.#remove(path, place);
    }
    this.#make(path, place);
    return this.#addon.openat2(place.dirFd, place.name, OPEN_DIRECTORY, 0, CONFINED);
  }

  /** False if something is there. */
  #make(path: ByteString, { dirFd, name }: Place): boolean {
    try {
      this.#addon.mkdirat(dirFd, name, 0o700);
    } catch (error) {
      if (isErrno(error, 'EEXIST')) return false;
      throw error;
    }
    this.#made.add(path);
    this.#events.made(path);
    return true;
  }

  #remove(path: ByteString, { dirFd, name }: Place): void {
    const below = `${path}/`;
    for (const [open, fd] of this.#open) {
      if (open !== path && !open.startsWith(below)) continue;
      fs.closeSync(fd);
      this.#open.delete(open);
    }
    for (const made of this.#made) if (made === path || made.startsWith(below)) this.#made.delete(made);
    removeAt(dirFd, name, this.#addon);
    this.#events.removed(path);
  }
}
