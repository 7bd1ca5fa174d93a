/** `podctl trust`: reads key files, lets somebody compare the fingerprints, and puts the keys into the keystore. */
import fs from 'node:fs';
import path from 'node:path';
import { messageOf, PodctlError } from '#kernel/errors';
import { admitted, type Reviewed as Reviewer } from './admission';
import { readPublicKeys } from './key-file';
import { allKeys, effective, type KeyFile, type KeystoreDirs, MAX_KEY_FILE_SIZE } from './keystore';
import { addKey, checkPrefix } from './keystore-change';
import { groupsOfFour, loadOpenPgp, momentOf, type OpenPgp, type PublicKey, printable, weaknessOf } from './openpgp';
import { ROOT } from './prefix';

/** A file, or what was fetched from somewhere. */
export type KeySource = string | { readonly origin: string; readonly bytes: Buffer };

export interface TrustRequest {
  readonly keyFiles: readonly KeySource[];
  /** `ROOT` makes root keys, which count for all images. */
  readonly prefix: string;
  readonly review: Review;
}

/** Who looks at the fingerprints before a key is trusted. */
export type Review =
  /** Is shown the keys of one file and asked; false leaves that file out. */
  | { readonly kind: 'ask'; readonly confirm: (keys: string) => Promise<boolean> }
  /** `--skip-fingerprint-review`: somebody has seen to it before. */
  | { readonly kind: 'skip' }
  /** `--trust-keys-from-https`: nobody has, the key's site is believed. */
  | { readonly kind: 'believe' }
  /** There is no terminal to ask on. */
  | { readonly kind: 'impossible' };

export type Trusted =
  | { readonly kind: 'added' | 'updated'; readonly prefix: string; readonly fingerprint: string; readonly path: string }
  | { readonly kind: 'declined'; readonly keyFile: string };

/** Where a key goes. Several for a revoked key, which replaces each copy that is still trusted. */
interface Placement {
  readonly key: PublicKey;
  readonly prefixes: readonly string[];
  readonly kind: 'added' | 'updated';
}

interface Reviewed {
  readonly keyFile: string;
  readonly keys: readonly PublicKey[];
  readonly placements: readonly Placement[];
}

/**
 * Nothing is changed unless every key of every file is good and every file was looked at.
 * @throws PodctlError `key-invalid`, `key-private`, `key-unusable`, `trust-needs-review`, `invalid-name`, `io`
 */
export async function trustKeys(
  dirs: KeystoreDirs,
  request: TrustRequest,
  now = new Date(),
): Promise<readonly Trusted[]> {
  checkPrefix(request.prefix);
  const pgp = await loadOpenPgp();
  const { files } = allKeys(dirs);
  const reviewed: Reviewed[] = [];
  for (const source of request.keyFiles) {
    const [keyFile, bytes] = typeof source === 'string' ? [source, readSmall(source)] : [source.origin, source.bytes];
    const keys = await readPublicKeys(pgp, bytes, keyFile);
    const placements: Placement[] = [];
    for (const key of keys) placements.push(await place(pgp, key, keyFile, request.prefix, files, now));
    reviewed.push({ keyFile, keys, placements });
  }
  const { review } = request;
  const reviewer: Reviewer = review.kind === 'ask' ? 'asked' : review.kind === 'skip' ? 'skipped' : 'nobody';
  const admission =
    ({ keyFile }: Reviewed): Admit =>
    (armored) =>
      admitted(armored, keyFile, reviewer, now);
  const agreed: Reviewed[] = [];
  for (const one of reviewed) if (await isAgreed(one, request)) agreed.push(one);
  return reviewed.flatMap((one): readonly Trusted[] =>
    agreed.includes(one)
      ? one.placements.flatMap((placement) => install(dirs, placement, admission(one)))
      : [{ kind: 'declined', keyFile: one.keyFile }],
  );
}

/** `Added key for prefix "p" at "path"`, as rkt says it. */
export function describeTrusted(trusted: Trusted): string {
  if (trusted.kind === 'declined') return `Not trusting "${trusted.keyFile}"`;
  const verb = trusted.kind === 'added' ? 'Added' : 'Updated';
  const what = trusted.prefix === ROOT ? 'root key' : `key for prefix "${trusted.prefix}"`;
  return `${verb} ${what} at "${trusted.path}"`;
}

/** What somebody has to look at, in rkt's layout. */
export function describeKeys(keys: readonly PublicKey[], prefix: string, keyFile: string): string {
  const lines = [`prefix: "${prefix}"`, `key: "${keyFile}"`];
  for (const key of keys) {
    lines.push(`gpg key fingerprint is: ${groupsOfFour(key.getFingerprint())}`);
    for (const subkey of key.subkeys) lines.push(`    Subkey fingerprint: ${groupsOfFour(subkey.getFingerprint())}`);
    for (const userId of key.getUserIDs()) lines.push(`\t${printable(userId)}`);
  }
  return `${lines.join('\n')}\n`;
}

async function isAgreed({ keys, keyFile }: Reviewed, { prefix, review }: TrustRequest): Promise<boolean> {
  switch (review.kind) {
    case 'skip':
    case 'believe':
      return true;
    case 'ask':
      return review.confirm(describeKeys(keys, prefix, keyFile));
    case 'impossible': {
      const prints = keys.map((key) => groupsOfFour(key.getFingerprint())).join(', ');
      throw new PodctlError(
        'trust-needs-review',
        `there is no terminal to ask on whether to trust ${prints} (${keyFile})`,
      );
    }
  }
}

/** A key nobody could verify with is refused, unless it brings the news of its revocation to copies that are trusted. */
async function place(
  pgp: OpenPgp,
  key: PublicKey,
  keyFile: string,
  prefix: string,
  files: readonly KeyFile[],
  now: Date,
): Promise<Placement> {
  const fingerprint = key.getFingerprint();
  const copies = files.filter(
    (file) => file.fingerprint === fingerprint && effective(files, file.prefix).get(fingerprint) === file,
  );
  const unusable = (why: string, cause?: unknown): PodctlError =>
    new PodctlError('key-unusable', `${keyFile}: key ${groupsOfFour(fingerprint)} ${why}`, {
      position: keyFile,
      cause,
    });
  if (await key.isRevoked(undefined, undefined, now, pgp.config)) {
    if (copies.length === 0) throw unusable('was revoked by its owner');
    return { key, prefixes: copies.map((copy) => copy.prefix), kind: 'updated' };
  }
  const end = momentOf(await key.getExpirationTime(undefined, pgp.config));
  if (end !== undefined && end <= now.getTime())
    throw unusable(`expired on ${new Date(end).toISOString().slice(0, 10)}`);
  const weakness = weaknessOf(pgp, key);
  if (weakness !== undefined) throw unusable(`does not prove anything: ${weakness}`);
  await key.getSigningKey(undefined, now, undefined, pgp.config).catch((cause: unknown) => {
    throw unusable(`cannot sign images (${messageOf(cause)})`, cause);
  });
  return { key, prefixes: [prefix], kind: copies.some((copy) => copy.prefix === prefix) ? 'updated' : 'added' };
}

/** Writes into an armoured key how it came to be trusted. */
type Admit = (armored: string) => string;

function install(dirs: KeystoreDirs, { key, prefixes, kind }: Placement, admit: Admit): readonly Trusted[] {
  const fingerprint = key.getFingerprint();
  const armored = admit(key.armor());
  return prefixes.map((prefix) => ({ kind, prefix, fingerprint, path: addKey(dirs, prefix, fingerprint, armored) }));
}

function readSmall(keyFile: string): Buffer {
  try {
    const { size } = fs.statSync(keyFile);
    if (size <= MAX_KEY_FILE_SIZE) return fs.readFileSync(keyFile);
  } catch (error) {
    throw new PodctlError('io', `key file ${path.resolve(keyFile)}: ${messageOf(error)}`, { cause: error });
  }
  throw new PodctlError('key-invalid', `${keyFile} is larger than a key (${MAX_KEY_FILE_SIZE} bytes)`, {
    position: keyFile,
  });
}
