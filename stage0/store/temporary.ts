/**
 * `<dir>/tmp`, and `<dir>/staging` for members of the group: directories in which something is being made, or has been moved to be removed. Their maker holds an exclusive
 * flock on each; one whose lock is free was left by a crash, and `sweep` removes it. There is no other lock in the store.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { AbsPath } from '#kernel/brand';
import { isErrno } from '#kernel/errors';
import { uniqueName } from '#kernel/unique';
import { native } from '../../stage1/native/index';
import { fsyncDir, mkdirDurable, renameDurable } from '../files/durable';
import { AT_FDCWD, RENAME_EXCHANGE } from '../files/linux';
import { namesIn } from '../files/names-in';
import { removeTree } from '../files/remove-tree';
import { OF_USER } from './memory';

const OPEN_DIRECTORY = fs.constants.O_RDONLY | fs.constants.O_DIRECTORY | fs.constants.O_NOFOLLOW;

export interface TemporaryDirectory {
  readonly path: string;
  /** The open directory whose flock says that its maker lives. */
  readonly fd: number;
}

/**
 * Root and members of the group do not meet: what root makes goes by path at last (a rename into place), and in a directory in
 * which others may write, a path is theirs. `staging` is made by tmpfiles.d with the sticky bit, never by podctl.
 */
export function temporaryOf(dataDir: AbsPath): Temporary {
  const [own, staging] = [`${dataDir}/tmp`, `${dataDir}/staging`];
  if (process.geteuid?.() === 0) return new Temporary(own, [staging]);
  return new Temporary(() => (fs.existsSync(staging) ? staging : own));
}

export class Temporary {
  readonly #where: string | (() => string);
  readonly #swept: readonly string[];

  /** `alsoSwept`: places of others, which `sweep` cleans up too. */
  constructor(root: string | (() => string), alsoSwept: readonly string[] = []) {
    this.#where = root;
    this.#swept = alsoSwept;
  }

  get #root(): string {
    return typeof this.#where === 'string' ? this.#where : this.#where();
  }

  /** A new empty directory, locked. End it with `publish` or `discard`. */
  create(mode: number): TemporaryDirectory {
    this.#makeRoot();
    for (;;) {
      const path = this.#fresh();
      fs.mkdirSync(path, { mode });
      const fd = lockDirectory(path);
      // A sweep may take it in the instant before it is locked; the next one is ours.
      if (fd !== undefined) return { path, fd };
    }
  }

  /**
   * Moves a finished directory, whose content is durable, to its place. False if something is there already: the directory
   * is still the caller's then.
   */
  publish(directory: TemporaryDirectory, to: string): boolean {
    try {
      renameDurable(directory.path, to);
    } catch (error) {
      if (isErrno(error, 'EEXIST', 'ENOTEMPTY')) return false;
      throw error;
    }
    fs.closeSync(directory.fd);
    return true;
  }

  discard(directory: TemporaryDirectory): void {
    try {
      removeTree(directory.path);
    } finally {
      fs.closeSync(directory.fd);
    }
  }

  /** Puts a finished directory into the place of another one, which is the caller's then, in its stead. */
  exchange(directory: TemporaryDirectory, other: string): void {
    native().renameat2(AT_FDCWD, directory.path, AT_FDCWD, other, RENAME_EXCHANGE);
    fsyncDir(path.dirname(other));
  }

  /** Removes a published directory: gone from its place at once and durably, then deleted. False if it was not there. */
  remove(path: string, parent: string): boolean {
    return this.detach(path, parent)();
  }

  /** The first half of `remove`; what it returns is the second. */
  detach(path: string, parent: string): () => boolean {
    this.#makeRoot();
    const doomed = this.#fresh();
    try {
      fs.renameSync(path, doomed);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return () => false;
      throw error;
    }
    fsyncDir(parent);
    const fd = lockDirectory(doomed);
    return () => {
      if (fd !== undefined) this.discard({ path: doomed, fd }); // else a sweep is removing it
      return true;
    };
  }

  /** What crashed processes left. */
  orphans(): readonly string[] {
    return this.#entries().filter((path) => {
      const fd = lockDirectory(path);
      if (fd !== undefined) fs.closeSync(fd);
      return fd !== undefined;
    });
  }

  /** Removes it. Returns how many directories that were. */
  sweep(): number {
    let removed = 0;
    // Of a store that an older podctl made.
    if (process.geteuid?.() === 0 && fs.existsSync(this.#root)) spread(this.#root);
    for (const path of this.#entries()) {
      const fd = lockDirectory(path);
      if (fd === undefined) continue;
      try {
        removeTree(path);
        removed += 1;
      } finally {
        fs.closeSync(fd);
      }
    }
    return removed;
  }

  #makeRoot(): void {
    if (fs.existsSync(this.#root)) return;
    mkdirDurable(this.#root, 0o700);
    spread(this.#root);
  }

  #entries(): readonly string[] {
    return [this.#root, ...this.#swept].flatMap(entriesOf);
  }

  #fresh(): string {
    return `${this.#root}/${uniqueName()}`;
  }
}

/**
 * Trees have nothing to do with each other. If all were made beside the last ones, ext4 would pass over the inodes of those that
 * were removed in the last minutes, file by file: after `image gc` a layer took half as long again.
 */
function spread(directory: string): void {
  const fd = fs.openSync(directory, OPEN_DIRECTORY);
  try {
    native().spreadSubdirectories(fd); // ignored: a hint, and not all file systems take it
  } finally {
    fs.closeSync(fd);
  }
}

const entriesOf = (directory: string): readonly string[] =>
  namesIn(directory)
    .filter((name) => !name.startsWith(OF_USER))
    .map((name) => `${directory}/${name}`);

/** An open directory with its lock held, or undefined if someone else holds it or it is gone. */
function lockDirectory(path: string): number | undefined {
  let fd: number;
  try {
    fd = fs.openSync(path, OPEN_DIRECTORY);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
  const locked = native().flock(fd, 'exclusive', false);
  const there = fs.statSync(path, { throwIfNoEntry: false });
  if (locked && there !== undefined && there.ino === fs.fstatSync(fd).ino) return fd;
  fs.closeSync(fd);
  return undefined;
}
