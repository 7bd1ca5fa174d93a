/** What is in a directory that need not be there yet. */
import fs from 'node:fs';
import { isErrno } from '#kernel/errors';

/** File names, in no order; none if there is no such directory. */
export function namesIn(directory: string): readonly string[] {
  try {
    return fs.readdirSync(directory);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
