/**
 * Where podctl keeps what saves it work: downloads that are not complete, and which image a file or a URL gave. An unprivileged
 * member of the group has a directory of its own for that: what one user wrote there could make another one take one file for
 * another.
 */
import fs from 'node:fs';
import type { AbsPath } from '#kernel/brand';
import { isErrno, PodctlError } from '#kernel/errors';

/** Begins the names of such directories in `staging`. */
export const OF_USER = 'user-';

/** The data directory itself for root, and wherever there is no `staging`. @throws PodctlError `io` if it is another user's */
export function memoryDirectory(dataDir: AbsPath): AbsPath {
  const uid = process.geteuid?.() ?? 0;
  const staging = `${dataDir}/staging`;
  if (uid === 0 || !fs.existsSync(staging)) return dataDir;
  const own = `${staging}/${OF_USER}${uid}` as AbsPath;
  const found = fs.lstatSync(own, { throwIfNoEntry: false });
  if (found === undefined) return make(own) ? own : dataDir;
  if (found.uid === uid && found.isDirectory()) return own;
  throw new PodctlError('io', `${own} belongs to somebody else`, { hint: 'have root remove it' });
}

/** False for somebody who is no member of the group: they may look at most. */
function make(directory: string): boolean {
  try {
    fs.mkdirSync(directory, { mode: 0o700 });
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return true; // another process of the same user, at worst it is refused next time
    if (isErrno(error, 'EACCES', 'EPERM', 'EROFS')) return false;
    throw error;
  }
}
