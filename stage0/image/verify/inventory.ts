/** `podctl trust --list`: what the keystore holds, and what each file of it comes to today. */
import { PodctlError } from '#kernel/errors';
import { type Admission, admissionOf } from './admission';
import { readTrustedKey, type TrustedKey } from './key-file';
import { allKeys, effective, type KeyFile, type KeystoreDirs } from './keystore';
import { algorithmName, loadOpenPgp, momentOf, type OpenPgp, type PublicKey, printable } from './openpgp';
import { nearestOf, type Standing, standingOf } from './standing';

/**
 * `trusted`: signatures of it, or of one of its subkeys, count. `replaced`: another file of the same key, for the same prefix, counts instead. `masked`:
 * a mask takes it away. `mask`: it is such a mask. The others say why the key counts for nothing though the file is good to
 * be read: no key in it may sign today. `unreadable` has the reason in `problem`.
 */
export type KeyState = 'trusted' | 'replaced' | 'masked' | 'mask' | Exclude<Standing, 'good'> | 'unreadable';

/** Fingerprints are upper-case hex, moments ms since the epoch. */
export interface ListedSubkey {
  readonly fingerprint: string;
  readonly algorithm: string;
  readonly createdAt: number;
  readonly standing: Standing;
}

/** What is in a key file; absent for masks and what cannot be read. */
export interface ListedFacts {
  /** As their owner wrote them, fit for a terminal. */
  readonly userIds: readonly string[];
  readonly algorithm: string;
  readonly createdAt: number;
  /** Undefined: never. */
  readonly expiresAt: number | undefined;
  /** Of the primary key. */
  readonly standing: Standing;
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
  const copies = [key, ...(await otherCopies(pgp, file, files))];
  const standing = await standingOf(pgp, copies, key, now);
  const subkeys = await Promise.all(
    key.subkeys.map(async (subkey) => ({
      fingerprint: subkey.getFingerprint().toUpperCase(),
      algorithm: algorithmName(subkey),
      createdAt: subkey.getCreationTime().getTime(),
      standing: await standingOf(pgp, copies, subkey, now),
    })),
  );
  const facts: ListedFacts = {
    userIds: key.getUserIDs().map(printable),
    algorithm: algorithmName(key),
    createdAt: key.getCreationTime().getTime(),
    expiresAt: momentOf(await key.getExpirationTime(undefined, pgp.config)),
    standing,
    subkeys,
    admission: admissionOf(trusted.bytes),
  };
  const nearest = nearestOf([standing, ...subkeys.map((subkey) => subkey.standing)]);
  const state = place ?? (nearest === 'good' ? 'trusted' : nearest);
  return { file, state, revoked: standing === 'revoked', facts, problem: undefined };
}

/** The same key as other files of the keystore have it: verification reads all of them, too. */
async function otherCopies(pgp: OpenPgp, file: KeyFile, files: readonly KeyFile[]): Promise<readonly PublicKey[]> {
  const found: PublicKey[] = [];
  for (const other of files) {
    if (other === file || other.mask || other.fingerprint !== file.fingerprint) continue;
    try {
      found.push((await readTrustedKey(pgp, other)).key);
    } catch (error) {
      if (!(error instanceof PodctlError)) throw error; // told in its own line of the list
    }
  }
  return found;
}

const inOrder = (one: ListedKey, other: ListedKey): number =>
  compare(one.file.prefix, other.file.prefix) ||
  compare(one.file.fingerprint, other.file.fingerprint) ||
  Number(one.state === 'replaced') - Number(other.state === 'replaced');

const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);
