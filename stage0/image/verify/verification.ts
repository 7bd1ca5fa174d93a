/**
 * What a verified signature says, and the check that makes one. Fetching names its needs in fetch/port.ts; these types are
 * what it gets.
 */

/** Kept with an image for as long as it is in the store. Digests are `sha512-` and 128 hex digits, times ms since the epoch. */
export interface Verification {
  /** Of the primary key, upper-case hex. */
  readonly fingerprint: string;
  /** Key ID of the key or subkey that signed, 16 upper-case hex digits. */
  readonly signingKeyId: string;
  /** User ID of the key, control characters made harmless; for people, never for decisions. */
  readonly keyOwner: string;
  /** Digest of the keystore file that held the key: trust ends when that file changes or goes. */
  readonly keyFileDigest: string;
  /** The keystore prefix that made the key count for the image; empty for a root key. */
  readonly prefix: string;
  readonly signatureDigest: string;
  readonly signedAt: number;
  readonly verifiedAt: number;
  /** When key or signature expire, whichever is first. */
  readonly expiresAt?: number;
}

/** What asking again later needs of a verification. */
export type RecordedTrust = Pick<Verification, 'fingerprint' | 'keyFileDigest' | 'prefix' | 'expiresAt'>;

/** One verification in progress. Its memory does not depend on how much it is fed. */
export interface SignatureCheck {
  /** The next bytes of the signed file, exactly as distributed (compressed images: the compressed bytes). */
  update(chunk: Buffer): undefined;
  /**
   * Called once, after the last byte.
   * @param imageName from the image's manifest; undefined if the image is broken, and then any trusted key will do
   * @throws PodctlError `signature-*`
   */
  finish(imageName: string | undefined): Promise<Verification>;
  /** Instead of `finish`, if the verification is of no interest any more. */
  abort(): void;
}

export interface SignatureVerifier {
  /**
   * Reads a signature file (armoured or binary; one signature or several) and finds the keys that may have made it.
   * @param origin path of the signature file, for messages
   * @throws PodctlError `signature-malformed`, `signature-key-unknown` before any image data is looked at
   */
  open(signature: Buffer, origin: string): Promise<SignatureCheck>;
  /** Whether a recorded verification would succeed again now: a few stat calls and one small hash, no OpenPGP. */
  stillTrusted(recorded: RecordedTrust, imageName: string): boolean;
}
