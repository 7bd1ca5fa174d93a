/** Which keys of the keystore may have made a signature. */
import { messageOf, PodctlError } from '#kernel/errors';
import { readTrustedKey, type TrustedKey } from './key-file';
import type { KeyFile, KeystoreContent } from './keystore';
import { groupsOfFour, type OpenPgp, type SignaturePacket, type SigningKey } from './openpgp';

export interface Candidates {
  /** Every copy of every key that may have made one of the signatures. */
  readonly keys: readonly TrustedKey[];
  /** Key files that could not be read: a reason why no key may have been found. */
  readonly unreadable: readonly PodctlError[];
}

/**
 * Key files are named after primary keys: those named by a signature are read first. Only if one of the signatures is not
 * found in this way (a subkey made it) the others have to be read, to see their subkeys.
 */
export async function findCandidates(
  pgp: OpenPgp,
  { files }: KeystoreContent,
  packets: readonly SignaturePacket[],
): Promise<Candidates> {
  const real = files.filter((file) => !file.mask);
  const named = real.filter((file) => packets.some((packet) => isNamedBy(file, packet)));
  const first = await readAll(pgp, named);
  const isFound = (packet: SignaturePacket): boolean => first.keys.some((key) => signingKey(key, packet) !== undefined);
  if (packets.every(isFound)) return first;
  const second = await readAll(
    pgp,
    real.filter((file) => !named.includes(file)),
  );
  const all = [...first.keys, ...second.keys];
  return {
    keys: all.filter((key) => packets.some((packet) => signingKey(key, packet) !== undefined)),
    unreadable: [...first.unreadable, ...second.unreadable],
  };
}

/** The key or subkey that the signature says it was made by. */
export const signingKey = ({ key }: TrustedKey, packet: SignaturePacket): SigningKey | undefined =>
  key.getKeys(packet.issuerKeyID).find((candidate) => {
    const issuer = packet.issuerFingerprint;
    return issuer === null || candidate.getFingerprint() === Buffer.from(issuer).toString('hex');
  });

/** The fingerprint of the signature's maker, or only its key ID if the signature says no more. */
export const issuerName = ({ issuerFingerprint, issuerKeyID }: SignaturePacket): string =>
  issuerFingerprint === null
    ? issuerKeyID.toHex().toUpperCase()
    : groupsOfFour(Buffer.from(issuerFingerprint).toString('hex'));

/** The key ID is the end of a version 4 fingerprint and the beginning of later ones (RFC 9580 §5.5.4). */
function isNamedBy({ fingerprint }: KeyFile, { issuerKeyID }: SignaturePacket): boolean {
  const id = issuerKeyID.toHex();
  return fingerprint.length === 40 ? fingerprint.endsWith(id) : fingerprint.startsWith(id);
}

async function readAll(pgp: OpenPgp, files: readonly KeyFile[]): Promise<Candidates> {
  const keys: TrustedKey[] = [];
  const unreadable: PodctlError[] = [];
  for (const file of files) {
    try {
      keys.push(await readTrustedKey(pgp, file));
    } catch (error) {
      if (!(error instanceof PodctlError)) throw new PodctlError('internal', messageOf(error), { cause: error });
      unreadable.push(error);
    }
  }
  return { keys, unreadable };
}
