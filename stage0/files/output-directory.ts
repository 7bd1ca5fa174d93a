/**
 * A directory that a user asks for: filled beside its place, and there when it is complete and durable. What a killed process
 * left beside it, the next one for the same place removes (each is locked by its maker).
 */
import fs from 'node:fs';
import path from 'node:path';
import { isErrno, PodctlError } from '#kernel/errors';
import { uniqueName } from '#kernel/unique';
import { native } from '../../stage1/native/index';
import { fsyncDir } from './durable';
import { RENAME_EXCHANGE, RENAME_NOREPLACE } from './linux';
import { removeTree } from './remove-tree';

const OPEN_DIRECTORY = fs.constants.O_RDONLY | fs.constants.O_DIRECTORY | fs.constants.O_NOFOLLOW;

/**
 * @param fill gets the open, empty directory, mode 0700
 * @throws PodctlError `output-exists`, `usage` if there is no directory to put it in
 */
export function makeOutputDirectory(directory: string, overwrite: boolean, fill: (fd: number) => void): void {
  const parent = path.dirname(directory);
  const prefix = `.${path.basename(directory)}.podctl-`;
  if (!overwrite) requireNothing(directory);
  removeStale(parent, prefix);
  const temporary = path.join(parent, `${prefix}${uniqueName()}`);
  fs.mkdirSync(temporary, { mode: 0o700 });
  const fd = fs.openSync(temporary, OPEN_DIRECTORY);
  try {
    native().flock(fd, 'exclusive', false);
    fill(fd);
    native().syncfs(fd);
    publish(parent, path.basename(temporary), path.basename(directory), overwrite);
    fsyncDir(parent);
  } finally {
    // Nothing any more, or what was there before, or what could not be finished.
    removeTree(temporary);
    fs.closeSync(fd);
  }
}

const exists = (directory: string, cause?: unknown): PodctlError =>
  new PodctlError('output-exists', `output directory exists (try --overwrite): ${directory}`, { cause });

function requireNothing(directory: string): void {
  if (fs.lstatSync(directory, { throwIfNoEntry: false }) !== undefined) throw exists(directory);
}

function publish(parent: string, from: string, to: string, overwrite: boolean): void {
  const fd = openParent(parent);
  const rename = (flags: number): void => native().renameat2(fd, from, fd, to, flags);
  try {
    rename(RENAME_NOREPLACE);
  } catch (cause) {
    if (!isErrno(cause, 'EEXIST')) throw cause;
    if (!overwrite) throw exists(path.join(parent, to), cause);
    rename(RENAME_EXCHANGE);
  } finally {
    fs.closeSync(fd);
  }
}

function openParent(parent: string): number {
  try {
    return fs.openSync(parent, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  } catch (cause) {
    if (isErrno(cause, 'ENOENT', 'ENOTDIR'))
      throw new PodctlError('usage', `there is no directory ${parent}`, { cause });
    throw cause;
  }
}

function removeStale(parent: string, prefix: string): void {
  fs.closeSync(openParent(parent));
  for (const name of fs.readdirSync(parent)) {
    if (!name.startsWith(prefix)) continue;
    const stale = path.join(parent, name);
    const fd = fs.openSync(stale, OPEN_DIRECTORY);
    try {
      if (native().flock(fd, 'exclusive', false)) removeTree(stale);
    } finally {
      fs.closeSync(fd);
    }
  }
}
