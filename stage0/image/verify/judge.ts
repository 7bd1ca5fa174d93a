/** Decides about one signature: by whom, is it of this data, and does that key count for this image, today. */
import { messageOf, PodctlError } from '#kernel/errors';
import { issuerName, signingKey } from './candidates';
import type { TrustedKey } from './key-file';
import { effective, type KeyFile, type KeystoreContent } from './keystore';
import { hashName, momentOf, type OpenPgp, type SignaturePacket, type SigningKey, weaknessOf } from './openpgp';
import { covers, describePrefix } from './prefix';
import { type Refuse, refuser } from './refusal';
import { isStrongHash, type SignedData } from './signed-digest';
import { refuseRevoked, refuseUntimely } from './validity';

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
