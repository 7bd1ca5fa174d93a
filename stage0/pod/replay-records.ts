/** The records of starts (usecases/replay.ts), one file for each cgroup of a unit: `/run/podctl/replay/|system.slice|web.service`. */
import fs from 'node:fs';
import { isPodId, type PodId } from '#kernel/brand';
import { isErrno } from '#kernel/errors';
import { uniqueName } from '#kernel/unique';
import { namesIn } from '../files/names-in';

/** Root's alone; empty after a boot. stage0/front/record.h says the same. */
const DIRECTORY = '/run/podctl/replay';
const MAX_NAME = 255;
/** Enough for the first two lines. */
const HEAD_BYTES = 8192;

/** @param cgroup path below the root of cgroup v2 */
export function writeReplayRecord(cgroup: string, text: string): void {
  const name = cgroup.replaceAll('/', '|');
  if (Buffer.byteLength(name) >= MAX_NAME) return; // nobody would find it
  const temporary = `${DIRECTORY}/.${uniqueName()}`;
  try {
    fs.mkdirSync(DIRECTORY, { recursive: true, mode: 0o700 });
    fs.writeFileSync(temporary, text, { flag: 'wx', mode: 0o600 });
    fs.renameSync(temporary, `${DIRECTORY}/${name}`);
  } catch (error) {
    // ignored: in a unit that may not write there, or on a full one, the next start is no faster than this one
    if (!isErrno(error, 'EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'ENOTDIR', 'ENOENT')) throw error;
    removeIfThere(temporary);
  }
}

/**
 * Removes those about pods of this data directory that are gone, and what killed processes left.
 * @param podsRoot the directory of pods
 */
export function sweepReplayRecords(podsRoot: string, isThere: (id: PodId) => boolean): void {
  for (const name of namesIn(DIRECTORY)) {
    const path = `${DIRECTORY}/${name}`;
    const [, pod = '', , root] = /^podctl-replay \d+\nrun (\S+) (\S+) (\S+)\n/.exec(headOf(path)) ?? [];
    const isDead = root === podsRoot && !(isPodId(pod) && isThere(pod));
    if (isDead || name.startsWith('.')) removeIfThere(path);
  }
}

function headOf(path: string): string {
  const head = Buffer.alloc(HEAD_BYTES);
  try {
    const fd = fs.openSync(path, 'r');
    try {
      return head.toString('latin1', 0, fs.readSync(fd, head));
    } finally {
      fs.closeSync(fd);
    }
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES')) return ''; // replaced meanwhile, or not ours to look at
    throw error;
  }
}

function removeIfThere(path: string): void {
  try {
    fs.unlinkSync(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'EACCES', 'EPERM', 'EROFS', 'ENOTDIR')) throw error; // ignored: gone, or not ours to remove
  }
}
