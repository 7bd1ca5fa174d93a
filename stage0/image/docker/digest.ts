/** Digests of Docker and OCI images (OCI image specification, "Digests"): checked for their form, computed, compared. */
import { createHash, type Hash } from '#kernel/digest';
import { PodctlError } from '#kernel/errors';
import type { Digest } from './port';

export const isDigest = (written: string): written is Digest =>
  /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/.test(written);

/** `sha256` or `sha512`. */
export const algorithmOf = (digest: string): string => (digest.startsWith('sha512:') ? 'sha512' : 'sha256');

/** For bytes that should have this digest. */
export const hashFor = (digest: string): Hash => createHash(algorithmOf(digest));

/** What `hash`, which hashFor() made for `digest`, has come to. */
export const digestFrom = (hash: Hash, digest: string): Digest =>
  `${algorithmOf(digest)}:${hash.digest('hex')}` as Digest;

/** @param like a digest by whose algorithm it is; without one, sha256 */
export const digestOf = (bytes: Uint8Array, like = ''): Digest => digestFrom(hashFor(like).update(bytes), like);

/** @throws PodctlError `image-digest-mismatch` */
export function requireDigest(what: string, wanted: string, bytes: Uint8Array): void {
  const is = digestOf(bytes, wanted);
  if (is !== wanted) throw new PodctlError('image-digest-mismatch', `${what} has the digest ${is}, not ${wanted}`);
}
