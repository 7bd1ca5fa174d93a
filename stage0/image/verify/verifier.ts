/** The door of this folder for fetching: opens signatures, and asks again later whether one still counts. */
import { sha512Of } from '#kernel/digest';
import { PodctlError } from '#kernel/errors';
import type { RecordedTrust, SignatureCheck, SignatureVerifier, Verification } from '../fetch/port';
import { type Candidates, findCandidates, signingKey } from './candidates';
import { type Accepted, type Case, judge, unknownKey } from './judge';
import { allKeys, type KeystoreContent, type KeystoreDirs, keyFor, readKeyFile } from './keystore';
import { loadOpenPgp, ownerOf, type SignaturePacket } from './openpgp';
import { readSignatures } from './signature-file';
import { SignedData } from './signed-digest';

/** @param now the clock, milliseconds since the epoch */
export const signatureVerifier = (dirs: KeystoreDirs, now: () => number = Date.now): SignatureVerifier => ({
  open: (signature, origin) => open(dirs, signature, origin, now),
  stillTrusted: (recorded, imageName) => stillTrusted(dirs, recorded, imageName, now()),
});

function stillTrusted(dirs: KeystoreDirs, recorded: RecordedTrust, imageName: string, now: number): boolean {
  if (recorded.expiresAt !== undefined && recorded.expiresAt <= now) return false;
  const file = keyFor(dirs, imageName, recorded.fingerprint.toLowerCase());
  return (
    file !== undefined && file.prefix === recorded.prefix && readKeyFile(file.path).digest === recorded.keyFileDigest
  );
}

async function open(dirs: KeystoreDirs, signature: Buffer, origin: string, now: () => number): Promise<SignatureCheck> {
  const pgp = await loadOpenPgp();
  const packets = await readSignatures(pgp, signature, origin);
  const keystore = allKeys(dirs);
  const found = await findCandidates(pgp, keystore, packets);
  const [first] = packets;
  const known = packets.filter((packet) => found.keys.some((key) => signingKey(key, packet) !== undefined));
  if (known.length === 0 && first !== undefined) throw explained(unknownKey(first, { origin }), keystore, found, dirs);
  const data = new SignedData(known);
  return {
    update: (chunk) => {
      data.update(chunk);
      return undefined;
    },
    finish: async (imageName) => {
      const at = now();
      const about = { pgp, origin, data, keystore, candidates: found.keys, imageName, now: new Date(at) };
      return verification(await firstAccepted(packets, about), signature, at);
    },
    abort: () => undefined, // hashes are memory, nothing to give back
  };
}

/** One good signature is enough. If there is none, the one that came nearest explains why. */
export async function firstAccepted(packets: readonly SignaturePacket[], about: Case): Promise<Accepted> {
  const refusals: PodctlError[] = [];
  for (const packet of packets) {
    try {
      return await judge(packet, about);
    } catch (error) {
      if (!(error instanceof PodctlError)) throw error;
      refusals.push(error);
    }
  }
  throw nearest(refusals, about.origin);
}

/** How far a signature came before it was refused. */
const PROGRESS = [
  'signature-expired',
  'signature-key-expired',
  'signature-key-revoked',
  'signature-key-untrusted',
  'signature-invalid',
  'signature-weak',
  'signature-key-unknown',
  'signature-malformed',
];

export function nearest(refusals: readonly PodctlError[], origin: string): PodctlError {
  const sorted = [...refusals].sort((one, other) => PROGRESS.indexOf(one.code) - PROGRESS.indexOf(other.code));
  const [best] = sorted;
  if (best === undefined) throw new PodctlError('internal', `${origin}: no signature was judged`);
  if (sorted.length === 1) return best;
  const reasons = sorted.map((refusal) => refusal.message.replace(`${origin}: `, '')).join('; ');
  return new PodctlError(best.code, `${origin}: none of ${sorted.length} signatures counts: ${reasons}`, {
    position: origin,
    cause: best,
    ...(best.hint === undefined ? {} : { hint: best.hint }),
  });
}

/** Adds what in the keystore may be the reason that a key is not found. */
export function explained(
  error: PodctlError,
  keystore: KeystoreContent,
  found: Candidates,
  dirs: KeystoreDirs,
): PodctlError {
  const { files, strays } = keystore;
  const notes = [
    ...(files.some((file) => !file.mask)
      ? []
      : [`the keystore is empty (${dirs.local}/trustedkeys, ${dirs.system}/trustedkeys)`]),
    ...found.unreadable.map(({ message }) => `unusable: ${message}`),
    ...strays.map((path) => `ignored: ${path}, whose name is not a fingerprint of 40 or 64 lower-case hex digits`),
  ];
  if (notes.length === 0) return error;
  return new PodctlError(error.code, error.message, {
    hint: [error.hint, ...notes.slice(0, 4)].join('; '),
    ...(error.position === undefined ? {} : { position: error.position }),
  });
}

export function verification(
  { trusted, signing, signedAt, expiresAt }: Accepted,
  signature: Buffer,
  at: number,
): Verification {
  return {
    fingerprint: trusted.key.getFingerprint().toUpperCase(),
    signingKeyId: signing.getKeyID().toHex().toUpperCase(),
    keyOwner: ownerOf(trusted.key),
    keyFileDigest: trusted.digest,
    prefix: trusted.file.prefix,
    signatureDigest: sha512Of(signature),
    signedAt,
    verifiedAt: at,
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
}
