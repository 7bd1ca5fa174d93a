/** `podctl trust --remove`: ends the trust in a key, wherever the keystore has it. */
import fs from 'node:fs';
import { PodctlError } from '#kernel/errors';
import { allKeys, effective, isFingerprint, type KeyFile, type KeystoreDirs } from './keystore';
import { checkPrefix, notTrusted, removeKey } from './keystore-change';
import { describePrefix } from './prefix';

export interface Distrusted {
  /** `masked`: the system ships the key, and an empty local file takes it away. */
  readonly kind: 'removed' | 'masked';
  readonly prefix: string;
  readonly fingerprint: string;
  readonly path: string;
}

/**
 * A fingerprint as people write it: any case, with spaces or colons between its digits, with or without `0x`.
 * @throws PodctlError `usage` for what is not a whole one: key IDs can be had by others, too
 */
export function readFingerprint(written: string): string {
  const fingerprint = written
    .replace(/^0x/i, '')
    .replace(/[ :]/g, '')
    .replace(/[A-F]/g, (digit) => digit.toLowerCase());
  if (isFingerprint(fingerprint)) return fingerprint;
  throw new PodctlError('usage', `"${written}" is not a whole fingerprint (40 or 64 hex digits)`, {
    hint: '`podctl trust --list` shows them',
  });
}

/**
 * @param prefix only the trust by this very prefix (`ROOT`: as a root key); undefined: all of it
 * @throws PodctlError `key-not-trusted`, `invalid-name`, `io`; `usage` for a key of the user configuration directory
 */
export function distrust(dirs: KeystoreDirs, fingerprint: string, prefix: string | undefined): readonly Distrusted[] {
  if (prefix !== undefined) checkPrefix(prefix);
  const wanted = countingFiles(dirs, fingerprint).filter((file) => prefix === undefined || file.prefix === prefix);
  if (wanted.length === 0) throw notTrusted(prefix, fingerprint);
  const foreign = wanted.find(({ layer }) => layer === 'user');
  if (foreign !== undefined) {
    throw new PodctlError(
      'usage',
      `${foreign.path} is in the user configuration directory, which podctl never writes to`,
      {
        hint: `remove ${foreign.path}`,
      },
    );
  }
  return wanted.map((file) => {
    const path = removeKey(dirs, file.prefix, fingerprint);
    return { kind: fs.existsSync(path) ? 'masked' : 'removed', prefix: file.prefix, fingerprint, path };
  });
}

/** What a key is still trusted for, in words; empty if for nothing. */
export const stillCovered = (dirs: KeystoreDirs, fingerprint: string): readonly string[] =>
  countingFiles(dirs, fingerprint).map(({ prefix }) => describePrefix(prefix));

/** `Removed key for prefix "p" at "path"`, in the manner of what rkt says of adding one. */
export function describeDistrusted({ kind, prefix, path }: Distrusted): string {
  const what = prefix === '' ? 'root key' : `key for prefix "${prefix}"`;
  return kind === 'removed' ? `Removed ${what} at "${path}"` : `Masked ${what} by "${path}"`;
}

/** The files of a key by which it counts for their own prefixes. */
function countingFiles(dirs: KeystoreDirs, fingerprint: string): readonly KeyFile[] {
  const { files } = allKeys(dirs);
  return files.filter(
    (file) => file.fingerprint === fingerprint && effective(files, file.prefix).get(fingerprint) === file,
  );
}
