/** Small files of the kernel's. */
import fs from 'node:fs';
import { isErrno } from '#kernel/errors';

/** Trimmed; undefined if the host has no such file. */
export function textOf(path: string): string | undefined {
  try {
    return fs.readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}
