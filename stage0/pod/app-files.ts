/** Files of an app's root, for those who look for what a program lacked (stage2/libraries). */
import fs from 'node:fs';
import type { AbsPath } from '#kernel/brand';
import { cleanPath, isWithin } from '#kernel/clean-path';
import { PodctlError } from '#kernel/errors';
import type { AppFiles } from '../../stage2/libraries/missing';
import type { TreeView } from './tree-view';

/** No directory of libraries has more names. */
const MAX_NAMES = 10_000;

/** @param mounted what is mounted in the app's root, and so not to be seen in `view` */
export function appFiles(view: TreeView, mounted: readonly string[]): AppFiles {
  const kindOf: AppFiles['kindOf'] = (path) => {
    const kind = view.kindOf(path);
    if (kind === 'directory') return kind;
    if (kind === 'missing') return view.entryOf(path) === 'missing' ? 'missing' : 'unsure';
    return 'file';
  };
  return {
    kindOf,
    realPath: (path) => {
      // The kernel goes up from where a link led; where there is nothing, the text has to do.
      const goesUp = path.split('/').includes('..') && view.kindOf(path) !== 'missing';
      const real = resolved(view, goesUp ? (path as AbsPath) : cleanPath(path));
      return real === undefined || mounted.some((one) => isWithin(one, real) || isWithin(real, one)) ? undefined : real;
    },
    namesIn: (path) => {
      const fd = view.openDirectory(path as AbsPath);
      return fd === undefined ? [] : namesOf(fd, path);
    },
    text: (path) => view.text(path),
    reading: (path, look) => {
      const fd = view.openFile(path);
      if (fd === undefined) return undefined;
      try {
        return look((offset, length) => readAt(fd, offset, length));
      } finally {
        fs.closeSync(fd);
      }
    },
  };
}

function resolved(view: TreeView, path: AbsPath): AbsPath | undefined {
  try {
    return view.resolve(path).path;
  } catch (error) {
    if (error instanceof PodctlError) return undefined; // ignored: a link that leads nowhere here may lead into a mount
    throw error;
  }
}

function namesOf(fd: number, path: string): readonly string[] {
  try {
    const names: string[] = [];
    const directory = fs.opendirSync(`/proc/self/fd/${fd}`);
    try {
      for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
        names.push(entry.name);
        if (names.length > MAX_NAMES) throw new PodctlError('image-unfit', `${path} has more than ${MAX_NAMES} names`);
      }
    } finally {
      directory.closeSync();
    }
    return names;
  } finally {
    fs.closeSync(fd);
  }
}

/** Nothing beyond the end, or where no file can be. */
function readAt(fd: number, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  if (!Number.isSafeInteger(offset)) return bytes.subarray(0, 0);
  return bytes.subarray(0, fs.readSync(fd, bytes, 0, length, offset));
}
