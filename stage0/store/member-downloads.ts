/**
 * Downloads that members of the group began and nobody goes on with: `<dir>/staging/user-<uid>/downloads`. The directories are
 * theirs, so root walks through descriptors, follows nothing, and takes whatever is old by its name there.
 */
import fs from 'node:fs';
import type { AbsPath } from '#kernel/brand';
import { isErrno } from '#kernel/errors';
import { native } from '../../stage1/native/index';
import { namesIn } from '../files/names-in';
import { removeAt } from '../files/remove-tree';
import { OF_USER } from './memory';

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;

/** For root. @param before ms since the epoch; what changed later stays */
export function sweepMemberDownloads(dataDir: AbsPath, before: number): void {
  const staging = `${dataDir}/staging`;
  for (const user of namesIn(staging).filter((name) => name.startsWith(OF_USER))) {
    inDirectory(`${staging}/${user}`, (own) =>
      inDirectory(`/proc/self/fd/${own}/downloads`, (downloads) => sweep(downloads, before)),
    );
  }
}

function sweep(directory: number, before: number): void {
  const place = `/proc/self/fd/${directory}`;
  for (const name of fs.readdirSync(place, { encoding: 'buffer' })) {
    const path = Buffer.concat([Buffer.from(`${place}/`), name]);
    const stat = fs.lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined || stat.mtimeMs >= before || (stat.isFile() && isLocked(path))) continue;
    removeAt(directory, name);
  }
}

/** Somebody is downloading it, however slowly. */
function isLocked(path: Buffer): boolean {
  return opened(path, O_NONBLOCK, (fd) => !native().flock(fd, 'exclusive', false)) ?? false;
}

const inDirectory = (path: string, act: (fd: number) => void): void => void opened(path, O_DIRECTORY, act);

/** Undefined if there is nothing of this kind. */
function opened<T>(path: string | Buffer, flags: number, act: (fd: number) => T): T | undefined {
  let fd: number;
  try {
    fd = fs.openSync(path, O_RDONLY | O_NOFOLLOW | flags);
  } catch (error) {
    // ignored: a member has removed it, or put something else there
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO')) return undefined;
    throw error;
  }
  try {
    return act(fd);
  } finally {
    fs.closeSync(fd);
  }
}
