/**
 * The OpenPGP library, loaded when a signature or key is really read (its evaluation costs 70 ms), and what podctl asks of
 * keys and signatures. Nothing else imports the library's code.
 */
import type { Config, PublicKey, SignaturePacket, Subkey } from 'openpgp';

export type { PublicKey, SignaturePacket };
export type SigningKey = PublicKey | Subkey;
export type OpenPgpLibrary = typeof import('openpgp', { with: { 'resolution-mode': 'import' }});

/** Shorter moduli are within reach of factoring, or will be while the image is in use (NIST SP 800-131A). */
export const MIN_RSA_BITS = 2048;

export interface OpenPgp {
  readonly library: OpenPgpLibrary;
  readonly config: Config;
}

export async function loadOpenPgp(): Promise<OpenPgp> {
  const library = await import('openpgp');
  // The library's own refusals stay: DSA and ElGamal, secp256k1, MD5, RIPEMD and SHA-1 (the last for signatures of data).
  return { library, config: { ...library.config, minRSABits: MIN_RSA_BITS } };
}

/** `SHA1`: for messages. */
export function hashName({ library }: OpenPgp, { hashAlgorithm }: SignaturePacket): string {
  const known = Object.entries(library.enums.hash).find(([, number]) => number === hashAlgorithm);
  return known?.[0].toUpperCase() ?? `hash number ${hashAlgorithm}`;
}

/** `RSA-1024`, `Ed25519`, `ECDSA nistP256`: for messages. */
export function algorithmName(key: SigningKey): string {
  const { algorithm, bits, curve } = key.getAlgorithmInfo();
  if (algorithm.startsWith('rsa')) return `RSA-${bits}`;
  return curve === undefined ? algorithm : `${algorithm} ${curve}`;
}

/** Why nothing that a key signs proves anything, or undefined if it does. */
export function weaknessOf({ library, config }: OpenPgp, key: SigningKey): string | undefined {
  const { algorithm, bits, curve } = key.getAlgorithmInfo();
  const refused = config.rejectPublicKeyAlgorithms.has(library.enums.publicKey[algorithm]);
  const short = algorithm.startsWith('rsa') && (bits ?? 0) < MIN_RSA_BITS;
  const badCurve = curve !== undefined && [...config.rejectCurves].some((rejected) => rejected === curve);
  return refused || short || badCurve ? `${algorithmName(key)} keys are too weak` : undefined;
}

/** In milliseconds since the epoch; undefined if never. */
export const momentOf = (date: Date | number | null): number | undefined =>
  date instanceof Date ? date.getTime() : undefined;

/** A key's first user ID as its owner wrote it, fit for a terminal. */
export const ownerOf = (key: PublicKey): string => printable(key.getUserIDs()[0] ?? '');

/** Replaces control and bidirectional formatting characters: a user ID is text of strangers. */
export const printable = (text: string): string => text.replace(/[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu, '\ufffd');

/** `AAAA BBBB …`: groups of four for people to compare. */
export const groupsOfFour = (fingerprint: string): string =>
  fingerprint
    .toUpperCase()
    .match(/.{1,4}/g)
    ?.join(' ') ?? fingerprint;
