/** `podctl trust --list`: what the keystore holds, and what each file of it comes to today. */
import { PodctlError } from '#kernel/errors';
import { type Admission, admissionOf } from './admission';
import { readTrustedKey, type TrustedKey } from './key-file';
import { allKeys, effective, type KeyFile, type KeystoreDirs } from './keystore';
import { algorithmName, loadOpenPgp, momentOf, type OpenPgp, printable, weaknessOf } from './openpgp';

/**
 * `trusted`: signatures of it count. `replaced`: another file of the same key, for the same prefix, counts instead. `masked`:
 * a mask takes it away. `mask`: it is such a mask. The others say why the key counts for nothing though the file is good to
 * be read; `unreadable` has the reason in `problem`.
 */
export type KeyState = 'trusted' | 'replaced' | 'masked' | 'mask' | 'revoked' | 'expired' | 'weak' | 'unreadable';

/** Fingerprints are upper-case hex, moments ms since the epoch. */
export interface ListedSubkey {
  readonly fingerprint: string;
  readonly algorithm: string;
  readonly createdAt: number;
}

/** What is in a key file; absent for masks and what cannot be read. */
export interface ListedFacts {
  /** As their owner wrote them, fit for a terminal. */
  readonly userIds: readonly string[];
  readonly algorithm: string;
  readonly createdAt: number;
  /** Undefined: never. */
  readonly expiresAt: number | undefined;
  readonly subkeys: readonly ListedSubkey[];
  /** How it came into the keystore, if podctl put it there. */
  readonly admission: Admission | undefined;
}

export interface ListedKey {
  readonly file: KeyFile;
  readonly state: KeyState;
  readonly revoked: boolean;
  readonly facts: ListedFacts | undefined;
  readonly problem: string | undefined;
}

export interface Inventory {
  /** By prefix, root keys first, then by fingerprint; the file that counts before those it replaces. */
  readonly keys: readonly ListedKey[];
  /** Files at which nobody looks. */
  readonly strays: readonly string[];
}

/** @param prefix only the keys of this very prefix (`ROOT`: root keys); undefined: all */
export async function listKeys(dirs: KeystoreDirs, prefix: string | undefined, now = new Date()): Promise<Inventory> {
  const { files, strays } = allKeys(dirs);
  const pgp = await loadOpenPgp();
  const wanted = files.filter((file) => prefix === undefined || file.prefix === prefix);
  const keys: ListedKey[] = [];
  for (const file of wanted) keys.push(await listed(pgp, file, files, now));
  return { keys: keys.sort(inOrder), strays };
}

async function listed(pgp: OpenPgp, file: KeyFile, files: readonly KeyFile[], now: Date): Promise<ListedKey> {
  const nothing = { file, revoked: false, facts: undefined, problem: undefined };
  if (file.mask) return { ...nothing, state: 'mask' };
  const counting = effective(files, file.prefix).get(file.fingerprint);
  const place = counting === file ? undefined : counting?.prefix === file.prefix ? 'replaced' : 'masked';
  let trusted: TrustedKey;
  try {
    trusted = await readTrustedKey(pgp, file);
  } catch (error) {
    if (!(error instanceof PodctlError)) throw error;
    return { ...nothing, state: 'unreadable', problem: error.message };
  }
  const { key } = trusted;
  const facts: ListedFacts = {
    userIds: key.getUserIDs().map(printable),
    algorithm: algorithmName(key),
    createdAt: key.getCreationTime().getTime(),
    expiresAt: momentOf(await key.getExpirationTime(undefined, pgp.config)),
    subkeys: key.subkeys.map((subkey) => ({
      fingerprint: subkey.getFingerprint().toUpperCase(),
      algorithm: algorithmName(subkey),
      createdAt: subkey.getCreationTime().getTime(),
    })),
    admission: admissionOf(trusted.bytes),
  };
  const revoked = await key.isRevoked(undefined, undefined, now, pgp.config);
  const state = place ?? (revoked ? 'revoked' : unusable(pgp, trusted, facts, now));
  return { file, state, revoked, facts, problem: undefined };
}

function unusable(pgp: OpenPgp, { key }: TrustedKey, { expiresAt }: ListedFacts, now: Date): KeyState {
  if (expiresAt !== undefined && expiresAt <= now.getTime()) return 'expired';
  return weaknessOf(pgp, key) === undefined ? 'trusted' : 'weak';
}

const inOrder = (one: ListedKey, other: ListedKey): number =>
  compare(one.file.prefix, other.file.prefix) ||
  compare(one.file.fingerprint, other.file.fingerprint) ||
  Number(one.state === 'replaced') - Number(other.state === 'replaced');

const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);
