/** How images are shown. */
import type { ImageId } from '#kernel/brand';
import type { Verification } from '../../image/fetch/port';

const SHORT_DIGITS = 12;
const FETCHED_DIGITS = 32;

/** `sha512-` and 12 digits: enough to name an image among those of one store. */
export const shortImageId = (id: ImageId): string => id.slice(0, 'sha512-'.length + SHORT_DIGITS);

/** `sha512-` and 32 digits: what `fetch` prints (rkt-cli.md §1.2). */
export const fetchedImageId = (id: ImageId): string => id.slice(0, 'sha512-'.length + FETCHED_DIGITS);

/** Who vouches for an image; times in nanoseconds since the epoch. */
export const signatureJson = (verification: Verification | undefined) =>
  verification === undefined
    ? null
    : {
        fingerprint: verification.fingerprint,
        signing_key_id: verification.signingKeyId ?? null,
        key_owner: verification.keyOwner ?? null,
        /** The keystore prefix that made the key count; empty for a root key. */
        prefix: verification.prefix,
        signature_digest: verification.signatureDigest,
        signed_at: verification.signedAt * 1e6,
        verified_at: verification.verifiedAt * 1e6,
        expires_at: verification.expiresAt === undefined ? null : verification.expiresAt * 1e6,
      };
