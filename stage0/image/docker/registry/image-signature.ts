/** Finds the signature of an image by which it may be used: of this document, under this name, by a key trusted for it. */
import { PodctlError } from '#kernel/errors';
import type { HttpClient } from '../../fetch/http/client';
import type { Verification } from '../../fetch/port';
import type { KeystoreDirs } from '../../verify/keystore';
import { groupsOfFour } from '../../verify/openpgp';
import { openSignedMessage } from '../../verify/signed-message';
import { nearest } from '../../verify/verifier';
import { isDigest } from '../digest';
import type { Digest } from '../port';
import { type FoundSignature, signaturesAt } from './lookaside';
import { type Decision, signedName } from './policy';
import { formatReference, parseRegistryReference, type RegistryReference, repositoryOf } from './reference';
import { decodeClaim } from './signature-payload';

export interface SignatureWorld {
  readonly client: HttpClient;
  readonly keys: KeystoreDirs;
  /** URLs of directories. */
  readonly lookasides: readonly string[];
  /** Ms since the epoch. */
  now(): number;
}

export interface SignedImage {
  /** As the user wrote it: mirrors and what they answer do not count. */
  readonly reference: RegistryReference;
  /** Of the document that was asked for, and of the one of an index that was chosen. Either may be signed. */
  readonly digests: readonly Digest[];
  /** By which keys are trusted. */
  readonly name: string;
}

/** @throws PodctlError `signature-*`, `fetch-*`, `io`, `interrupted` */
export async function verifyImage(
  image: SignedImage,
  decision: Decision,
  world: SignatureWorld,
): Promise<Verification> {
  const refusals: PodctlError[] = [];
  for (const base of world.lookasides) {
    for (const digest of image.digests) {
      for await (const signature of signaturesAt(base, image.reference.path, digest, world.client)) {
        try {
          return await judgeOne(signature, image, decision, world);
        } catch (error) {
          if (!(error instanceof PodctlError) || !error.code.startsWith('signature-')) throw error;
          refusals.push(error);
        }
      }
    }
  }
  const shown = formatReference(image.reference);
  if (refusals.length > 0) throw nearest(refusals, shown);
  throw new PodctlError('signature-missing', `${shown} has no signature in ${world.lookasides.join(', ')}`, {
    hint: 'a registry setting of registries.d says where signatures are ("lookaside"): docs/registries.md',
  });
}

async function judgeOne(
  { origin, bytes }: FoundSignature,
  { reference, digests, name }: SignedImage,
  decision: Decision,
  { keys, now }: SignatureWorld,
): Promise<Verification> {
  const { content, verification } = await openSignedMessage(keys, bytes, origin, name, now());
  const refuse = (code: 'signature-invalid' | 'signature-key-untrusted', why: string): PodctlError =>
    new PodctlError(code, `${origin}: ${why}`, { position: origin });
  const { fingerprint } = verification;
  if (decision.keys !== undefined && !decision.keys.includes(fingerprint.toLowerCase())) {
    const by = groupsOfFour(fingerprint);
    throw refuse(
      'signature-key-untrusted',
      `the signature is by key ${by}, which the policy for "${decision.prefix}" does not name`,
    );
  }
  const claim = decodeClaim(content, origin);
  if (!isDigest(claim.digest) || !digests.includes(claim.digest)) {
    throw refuse(
      'signature-invalid',
      `the signature is of ${claim.digest.slice(0, 150)}, not of ${digests.join(' or ')}`,
    );
  }
  const wanted = wantedName(reference, decision);
  if (!isNamed(claim.reference, wanted)) {
    throw refuse(
      'signature-invalid',
      `the signature is of ${JSON.stringify(claim.reference.slice(0, 300))}, not of ${formatReference(wanted)}`,
    );
  }
  return verification;
}

/** What signatures call it. */
function wantedName(reference: RegistryReference, decision: Decision): RegistryReference {
  const { domain, path } = parseRegistryReference(signedName(decision, repositoryOf(reference)));
  return { ...reference, domain, path };
}

/** Who names a digest has chosen the bytes: then the repository has to be the same; else the tag, too. */
function isNamed(written: string, wanted: RegistryReference): boolean {
  let signed: RegistryReference;
  try {
    signed = parseRegistryReference(written);
  } catch (error) {
    if (error instanceof PodctlError) return false;
    throw error;
  }
  if (repositoryOf(signed) !== repositoryOf(wanted)) return false;
  return wanted.digest !== undefined || (signed.digest === undefined && signed.tag === wanted.tag);
}
