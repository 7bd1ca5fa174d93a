/** Symbolic links that say which pod has something: a name, a range of users. */
import fs from 'node:fs';
import { isPodId, type PodId } from '#kernel/brand';
import { isErrno } from '#kernel/errors';

/** Undefined if there is no link, or it says no pod. */
export function podOfLink(link: string): PodId | undefined {
  try {
    const id = fs.readlinkSync(link);
    return isPodId(id) ? id : undefined;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EINVAL')) return undefined;
    throw error;
  }
}
