/** Changes of the keystore. They are made in the local directory only; what the system ships is masked, not touched. */
import fs from 'node:fs';
import path from 'node:path';
import { isAcIdentifier } from '#kernel/brand';
import { isErrno, messageOf, PodctlError } from '#kernel/errors';
import { fsyncDir, mkdirDurable, writeFileDurable } from '../../files/durable';
import { type KeystoreDirs, keyDirectory } from './keystore';
import { describePrefix, ROOT } from './prefix';

const DIRECTORY_MODE = 0o755;
const FILE_MODE = 0o644;

/** @throws PodctlError `invalid-name` if a prefix could never cover an image name */
export function checkPrefix(prefix: string): void {
  if (prefix === ROOT || isAcIdentifier(prefix)) return;
  throw new PodctlError('invalid-name', `prefix "${prefix}" is not an image name or the beginning of one`, {
    hint: 'image names have lower-case ASCII letters, digits and single - . _ ~ / between them',
  });
}

/**
 * Makes a key count for a prefix (`ROOT`: for all images), in place of an older copy of it.
 * @returns the path of its file
 */
export function addKey(dirs: KeystoreDirs, prefix: string, fingerprint: string, armored: string): string {
  return write(localPath(dirs, prefix, fingerprint), armored);
}

/**
 * Ends the trust that a key has by this very prefix.
 * @returns the file removed, or the mask made because the system ships the key
 * @throws PodctlError `key-not-trusted` if there is nothing to remove
 */
export function removeKey(dirs: KeystoreDirs, prefix: string, fingerprint: string): string {
  const local = localPath(dirs, prefix, fingerprint);
  const system = path.join(keyDirectory(dirs, 'system', prefix) ?? '', fingerprint);
  if (fs.existsSync(system)) {
    if (isMask(local)) throw notTrusted(prefix, fingerprint);
    return write(local, '');
  }
  if (isMask(local) !== false) throw notTrusted(prefix, fingerprint);
  return guarded(() => {
    fs.unlinkSync(local);
    fsyncDir(path.dirname(local));
    return local;
  });
}

/** @param prefix undefined: for no image at all */
export function notTrusted(prefix: string | undefined, fingerprint: string): PodctlError {
  const what = prefix === undefined ? 'any image' : describePrefix(prefix);
  return new PodctlError('key-not-trusted', `key ${fingerprint.toUpperCase()} is not trusted for ${what}`, {
    hint: '`podctl trust --list` shows the keys there are',
  });
}

function localPath(dirs: KeystoreDirs, prefix: string, fingerprint: string): string {
  checkPrefix(prefix);
  return path.join(keyDirectory(dirs, 'local', prefix) ?? dirs.local, fingerprint);
}

/** Undefined if there is no such file. */
const isMask = (file: string): boolean | undefined => {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  return stat && stat.size === 0;
};

function write(file: string, content: string): string {
  return guarded(() => {
    mkdirDurable(path.dirname(file), DIRECTORY_MODE);
    writeFileDurable(file, content, FILE_MODE);
    return file;
  });
}

function guarded<T>(change: () => T): T {
  try {
    return change();
  } catch (error) {
    const hint = isErrno(error, 'EACCES', 'EPERM', 'EROFS')
      ? 'changing the keystore needs write access to it'
      : undefined;
    throw new PodctlError('io', messageOf(error), { cause: error, ...(hint === undefined ? {} : { hint }) });
  }
}
