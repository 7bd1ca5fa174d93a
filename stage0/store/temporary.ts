/**
 * `<dir>/tmp`: directories in which something is being made, or has been moved to be removed. Their maker holds an exclusive
 * flock on each; one whose lock is free was left by a crash, and `sweep` removes it. There is no other lock in the store.
 */
import fs from 'node:fs';
import { isErrno } from '#kernel/errors';
import { uniqueName } from '#kernel/unique';
import { native } from '../../stage1/native/index';
import { fsyncDir, mkdirDurable, renameDurable } from '../files/durable';
import { removeTree } from '../files/remove-tree';

const OPEN_DIRECTORY = fs.constants.O_RDONLY | fs.constants.O_DIRECTORY | fs.constants.O_NOFOLLOW;

export interface TemporaryDirectory {
  readonly path: string;
  /** The open directory whose flock says that its maker lives. */
  readonly fd: number;
}

export class Temporary {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  /** A new empty directory, locked. End it with `publish` or `discard`. */
  create(mode: number): TemporaryDirectory {
    mkdirDurable(this.#root, 0o700);
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

  /** Removes a published directory: gone from its place at once and durably, then deleted. False if it was not there. */
  remove(path: string, parent: string): boolean {
    mkdirDurable(this.#root, 0o700);
    const doomed = this.#fresh();
    try {
      fs.renameSync(path, doomed);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return false;
      throw error;
    }
    fsyncDir(parent);
    const fd = lockDirectory(doomed);
    if (fd !== undefined) this.discard({ path: doomed, fd }); // else a sweep is removing it
    return true;
  }

  /** Removes what crashed processes left. Returns how many directories that were. */
  sweep(): number {
    let removed = 0;
    for (const name of this.#names()) {
      const path = `${this.#root}/${name}`;
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

  #fresh(): string {
    return `${this.#root}/${uniqueName()}`;
  }

  #names(): readonly string[] {
    try {
      return fs.readdirSync(this.#root);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return [];
      throw error;
    }
  }
}

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
