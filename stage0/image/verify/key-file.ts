/** Reads files of public keys: armoured or binary, one key or several. */
import { messageOf, PodctlError } from '#kernel/errors';
import { dearmor, isArmored } from './armor';
import { type KeyFile, readKeyFile } from './keystore';
import type { OpenPgp, PublicKey } from './openpgp';

/** A key of the keystore. */
export interface TrustedKey {
  readonly file: KeyFile;
  readonly bytes: Buffer;
  readonly digest: string;
  readonly key: PublicKey;
}

/**
 * @param origin path of the file, for messages
 * @throws PodctlError `key-invalid`, `key-private`
 */
export async function readPublicKeys(pgp: OpenPgp, bytes: Buffer, origin: string): Promise<readonly PublicKey[]> {
  const keys: PublicKey[] = [];
  for (const binaryKeys of keyBlocks(bytes, origin)) {
    const found = await pgp.library
      .readKeys({ binaryKeys, config: pgp.config })
      .catch((cause: unknown) => Promise.reject(invalid(origin, messageOf(cause), cause)));
    if (found.some((key) => key.isPrivate())) throw privateKey(origin);
    keys.push(...found);
  }
  if (keys.length === 0) throw invalid(origin, 'there is no OpenPGP key in it');
  return keys;
}

/** @throws PodctlError `key-invalid` also if the key is not the one that the file is named after */
export async function readTrustedKey(pgp: OpenPgp, file: KeyFile): Promise<TrustedKey> {
  const { bytes, digest } = readKeyFile(file.path);
  const [key, ...others] = await readPublicKeys(pgp, bytes, file.path);
  if (key === undefined || others.length > 0) throw invalid(file.path, 'a file of the keystore holds exactly one key');
  if (key.getFingerprint() !== file.fingerprint) {
    throw invalid(file.path, `the key in it is ${key.getFingerprint().toUpperCase()}, not the one its name says`);
  }
  return { file, bytes, digest, key };
}

function keyBlocks(bytes: Buffer, origin: string): readonly Uint8Array[] {
  if (!isArmored(bytes)) return [bytes];
  try {
    const blocks = dearmor(bytes);
    if (blocks.some(({ type }) => type === 'PRIVATE KEY BLOCK')) throw privateKey(origin);
    return blocks.filter(({ type }) => type === 'PUBLIC KEY BLOCK').map(({ data }) => data);
  } catch (error) {
    throw error instanceof PodctlError ? error : invalid(origin, messageOf(error), error);
  }
}

const invalid = (origin: string, why: string, cause?: unknown): PodctlError =>
  new PodctlError('key-invalid', `${origin}: ${why}`, { position: origin, cause });

const privateKey = (origin: string): PodctlError =>
  new PodctlError('key-private', `${origin} holds a private key`, { position: origin });
