/** Where podctl keeps images and pods: the flag, else the `paths` configuration, else the default. */
import fs from 'node:fs';
import path from 'node:path';
import { isErrno, messageOf, PodctlError } from '#kernel/errors';
import type { ConfigDirs } from './dirs';
import { loadKind } from './load';

export const DEFAULT_DATA_DIR = '/var/lib/podctl';

/**
 * An absolute path; symbolic links are resolved if it exists already, so that every process names locks alike.
 * @throws PodctlError `config-invalid`, `io`
 */
export function dataDirectory(flag: string | undefined, dirs: ConfigDirs): string {
  const wanted = path.resolve(flag ?? loadKind(dirs, 'paths').get('data') ?? DEFAULT_DATA_DIR);
  try {
    return fs.realpathSync(wanted);
  } catch (error) {
    // What needs it fails where it needs it: `logs` works for those who may read the journal and nothing here.
    if (isErrno(error, 'ENOENT', 'EACCES')) return wanted;
    throw new PodctlError('io', `${wanted}: ${messageOf(error)}`, { cause: error });
  }
}
