/** What fetching needs from signature verification (implemented by stage0/image/verify). */

/** Who vouched for an image, kept with it for as long as it is in the store. All digests are `sha512-` and 128 hex digits. */
export interface Verification {
  /** Fingerprint of the primary key, upper-case hex. */
  readonly fingerprint: string;
  /** Key ID of the key or subkey that signed, 16 upper-case hex digits. */
  readonly signingKeyId?: string;
  /** User id of the key as its owner wrote it; for people, never for decisions. */
  readonly keyOwner?: string;
  /** Digest of the keystore file that held the key: trust ends when that file changes or goes. */
  readonly keyFileDigest: string;
  /** The keystore prefix under which the key was found; empty for a root key. */
  readonly prefix: string;
  /** Digest of the signature file. */
  readonly signatureDigest: string;
  /** When the signature was made, and when it was verified (ms since the epoch). */
  readonly signedAt: number;
  readonly verifiedAt: number;
  /** The moment from which the signature counts no more (key or signature expiry, ms since the epoch), if there is one. */
  readonly expiresAt?: number;
}

/** What asking again later needs of a verification. */
export type RecordedTrust = Pick<Verification, 'fingerprint' | 'keyFileDigest' | 'prefix' | 'expiresAt'>;

/** One verification in progress, fed with the bytes of the image file exactly as they are on disk. */
export interface SignatureCheck {
  /** Takes the next bytes. A promise asks the caller to wait, and to leave them as they are meanwhile. */
  update(chunk: Buffer): Promise<void> | undefined;
  /**
   * Called once, after the last byte, with the name found in the image manifest. Without a name (the archive is broken)
   * it only has to tell whether any trusted key signed these bytes: a tampered file is then reported as tampered.
   * @throws PodctlError `signature-*` if no key trusted for that name made a valid signature of these bytes
   */
  finish(imageName: string | undefined): Promise<Verification>;
  /** The import failed for another reason: frees what the check holds. Never throws; may follow any call. */
  abort(): void;
}

export interface SignatureVerifier {
  /**
   * Begins a verification; the caller has read the signature file (at most MAX_SIGNATURE_SIZE bytes).
   * @param origin path of the signature file, for messages
   * @throws PodctlError `signature-malformed`, `signature-key-unknown`
   */
  open(signature: Buffer, origin: string): Promise<SignatureCheck>;
  /**
   * True if a recorded verification would succeed again today: the same key file is still trusted for a prefix of
   * `imageName` and nothing has expired. On the path of every warm start: a few file reads, no OpenPGP.
   */
  stillTrusted(recorded: RecordedTrust, imageName: string): boolean;
}
