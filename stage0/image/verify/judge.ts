/** Decides about one signature: by whom, is it of this data, and does that key count for this image, today. */
import { messageOf, PodctlError } from '#kernel/errors';
import { issuerName, signingKey } from './candidates';
import type { TrustedKey } from './key-file';
import { effective, type KeyFile, type KeystoreContent } from './keystore';
import {
  algorithmName,
  groupsOfFour,
  hashName,
  momentOf,
  type OpenPgp,
  ownerOf,
  type SignaturePacket,
  type SigningKey,
  weaknessOf,
} from './openpgp';
import { covers, describePrefix } from './prefix';
import { isStrongHash, type SignedData } from './signed-digest';

export interface Case {
  readonly pgp: OpenPgp;
  readonly origin: string;
  readonly data: SignedData;
  readonly keystore: KeystoreContent;
  readonly candidates: readonly TrustedKey[];
  /** Undefined: the image is broken and has none, and a key trusted for any name will do. */
  readonly imageName: string | undefined;
  readonly now: Date;
}

export interface Accepted {
  readonly trusted: TrustedKey;
  readonly signing: SigningKey;
  readonly signedAt: number;
  readonly expiresAt: number | undefined;
}

/** @throws PodctlError `signature-*` */
export async function judge(packet: SignaturePacket, about: Case): Promise<Accepted> {
  const copies = about.candidates.filter((candidate) => signingKey(candidate, packet) !== undefined);
  const [copy] = copies;
  const signing = copy && signingKey(copy, packet);
  if (copy === undefined || signing === undefined) throw unknownKey(packet, about);
  const refuse = refuser(packet, copy, about.origin);
  refuseWeak(packet, signing, copy, about, refuse);
  await about.data.verify(about.pgp, packet, signing).catch((error: unknown) => {
    throw refuse('signature-invalid', `does not match the image (${messageOf(error)})`, { cause: error });
  });
  const trusted = trustedCopy(copies, about, refuse);
  await refuseRevoked(copies, signing, about, refuse);
  const expiresAt = await refuseUntimely(packet, trusted, about, refuse);
  return { trusted, signing, signedAt: momentOf(packet.created) ?? Number.NaN, expiresAt };
}

type Refuse = (
  code: `signature-${'invalid' | 'weak' | 'expired' | 'key-untrusted' | 'key-revoked' | 'key-expired'}`,
  why: string,
  more?: { readonly cause?: unknown; readonly hint?: string },
) => PodctlError;

function refuser(packet: SignaturePacket, { key }: TrustedKey, origin: string): Refuse {
  const made = packet.created?.toISOString().slice(0, 10) ?? 'at an unknown time';
  const by = `${groupsOfFour(key.getFingerprint())} (${ownerOf(key)})`;
  return (code, why, more) =>
    new PodctlError(code, `${origin}: the signature of ${made} by key ${by} ${why}`, { position: origin, ...more });
}

export const unknownKey = (packet: SignaturePacket, { origin }: Pick<Case, 'origin'>): PodctlError =>
  new PodctlError(
    'signature-key-unknown',
    `${origin}: the signature is by key ${issuerName(packet)}, which nobody here trusts`,
    {
      position: origin,
    },
  );

function refuseWeak(
  packet: SignaturePacket,
  signing: SigningKey,
  copy: TrustedKey,
  { pgp }: Case,
  refuse: Refuse,
): void {
  if (packet.signatureType !== pgp.library.enums.signature.binary) {
    throw refuse('signature-weak', 'is of text, which may be changed in its line ends', {
      hint: 'sign without --textmode',
    });
  }
  if (!isStrongHash(packet)) throw refuse('signature-weak', `uses ${hashName(pgp, packet)}, which can be forged`);
  const weakness = weaknessOf(pgp, signing) ?? weaknessOf(pgp, copy.key);
  if (weakness !== undefined) throw refuse('signature-weak', `does not count: ${weakness}`);
}

/** The copy that makes the key count for the image's name. */
function trustedCopy(copies: readonly TrustedKey[], about: Case, refuse: Refuse): TrustedKey {
  const names = about.imageName === undefined ? copies.map(({ file }) => file.prefix) : [about.imageName];
  const files = names.flatMap((name) => [...effective(about.keystore.files, name).values()]);
  const trusted = copies.find(({ file }) => files.includes(file));
  if (trusted !== undefined) return trusted;
  const name = about.imageName ?? '';
  const { fingerprint } = copies[0]?.file ?? {};
  const mask = about.keystore.files.find(
    (file) => file.mask && file.fingerprint === fingerprint && covers(file.prefix, name),
  );
  if (mask !== undefined) {
    throw refuse('signature-key-untrusted', `does not count for ${name}: ${mask.path} takes the trust away`, {
      hint: `if the key is trusted again, remove ${mask.path}`,
    });
  }
  const places = trustedFor(copies, about.keystore.files);
  const where = places.length === 0 ? 'no image' : places.map(describePrefix).join(', ');
  throw refuse('signature-key-untrusted', `does not count for ${name}: the key is trusted for ${where}`, {
    hint: `if it should be trusted for this image: \`podctl trust --prefix ${name} KEYFILE\``,
  });
}

const trustedFor = (copies: readonly TrustedKey[], files: readonly KeyFile[]): readonly string[] => [
  ...new Set(
    copies
      .map(({ file }) => file)
      .filter((file) => effective(files, file.prefix).has(file.fingerprint))
      .map(({ prefix }) => prefix),
  ),
];

/** One copy that says so is enough: a revocation is signed by the key itself, and true wherever it is found. */
async function refuseRevoked(
  copies: readonly TrustedKey[],
  signing: SigningKey,
  { pgp, now }: Case,
  refuse: Refuse,
): Promise<void> {
  for (const { key, file } of copies) {
    if (await key.isRevoked(undefined, undefined, now, pgp.config)) {
      throw refuse('signature-key-revoked', `does not count: the key was revoked (says ${file.path})`);
    }
    const subkey = key.subkeys.find((one) => one.getFingerprint() === signing.getFingerprint());
    const [binding] = subkey?.bindingSignatures ?? [];
    if (subkey && binding && (await subkey.isRevoked(binding, subkey.keyPacket, now, pgp.config))) {
      throw refuse('signature-key-revoked', `does not count: its subkey was revoked (says ${file.path})`);
    }
  }
}

/**
 * The key has to be valid now, not only when it signed: nobody tells an old signature from one that was dated back after the
 * key was given up. (gpg and the library accept signatures of keys that expired later.)
 * @returns when the signature ceases to count, if ever
 */
async function refuseUntimely(
  packet: SignaturePacket,
  trusted: TrustedKey,
  { pgp, now }: Case,
  refuse: Refuse,
): Promise<number | undefined> {
  const { key } = trusted;
  const signing = signingKey(trusted, packet);
  if (signing === undefined)
    throw refuse('signature-invalid', `is by a subkey that ${trusted.file.path} does not have`);
  const created = momentOf(packet.created) ?? Number.POSITIVE_INFINITY;
  if (created > now.getTime()) {
    throw refuse('signature-invalid', 'was made in the future', {
      hint: 'compare the clocks of this host and of the signer',
    });
  }
  if (created < signing.getCreationTime().getTime()) throw refuse('signature-invalid', 'is older than its key');
  const keyEnd = momentOf(await key.getExpirationTime(undefined, pgp.config));
  const subkeyEnd = signing === key ? undefined : await subkeyExpiry(signing, pgp);
  for (const end of [keyEnd, subkeyEnd]) {
    if (end === undefined || end > now.getTime()) continue;
    throw refuse(
      'signature-key-expired',
      `does not count: the key expired on ${new Date(end).toISOString().slice(0, 10)}`,
    );
  }
  const signatureEnd = momentOf(packet.getExpirationTime());
  if (signatureEnd !== undefined && signatureEnd <= now.getTime()) {
    throw refuse('signature-expired', `expired on ${new Date(signatureEnd).toISOString().slice(0, 10)}`);
  }
  await refuseUnfit(key, signing, pgp, now, refuse);
  const ends = [keyEnd, subkeyEnd, signatureEnd].filter((end) => end !== undefined);
  return ends.length === 0 ? undefined : Math.min(...ends);
}

/** Its date has to be any: at a date after the binding's own end the library would say "unknown". */
async function subkeyExpiry(signing: SigningKey, { config }: OpenPgp): Promise<number | undefined> {
  if (!('mainKey' in signing)) return undefined;
  return momentOf(await signing.getExpirationTime(null as unknown as Date, config));
}

/** Self-signatures, the binding of the subkey in both directions, the permission to sign data. */
async function refuseUnfit(
  key: TrustedKey['key'],
  signing: SigningKey,
  pgp: OpenPgp,
  now: Date,
  refuse: Refuse,
): Promise<void> {
  try {
    await key.getSigningKey(signing.getKeyID(), now, undefined, pgp.config);
  } catch (error) {
    const why = `does not count: ${algorithmName(signing)} key ${signing.getKeyID().toHex().toUpperCase()} must not sign data`;
    throw refuse('signature-invalid', `${why} (${messageOf(error)})`, {
      cause: error,
      hint: 'the key file is damaged or incomplete, or the key was not made for signing',
    });
  }
}
