/** From what the user calls an image to a stored one that may be run. */
import fs from 'node:fs';
import { PodctlError } from '#kernel/errors';
import { fetchFile, type SignaturePolicy } from '../image/fetch/file';
import { parseImageArgument } from '../image/reference';
import type { StoredImage } from '../store/cas';
import type { Services } from './services';

/**
 * `signed`: only what a trusted key has signed, whatever its source. `verified`: what its kind of source proves, which for an
 * ACI is the same. `unverified`: anything (`--insecure-options=image`).
 */
export type FetchPolicy = 'signed' | 'verified' | 'unverified';

/**
 * The image that a file, an ID or a name means. A file is imported unless it is, unchanged, in the store.
 * @param signature file with the signature; undefined: beside the image file
 * @throws PodctlError `image-*`, `signature-*`
 */
export async function obtainImage(
  services: Services,
  reference: string,
  signature: string | undefined,
  policy: FetchPolicy,
): Promise<StoredImage> {
  const { images, sources, verifier } = services;
  const wanted = parseImageArgument(reference, isFile);
  if (wanted.kind === 'file') {
    const named = signature === undefined ? {} : { path: signature };
    const check: SignaturePolicy =
      policy === 'unverified' ? { kind: 'none' } : { kind: 'required', verifier, ...named };
    return fetchFile({ path: wanted.path, signature: check }, { images, sources });
  }
  if (signature !== undefined) {
    throw new PodctlError('usage', `--signature means nothing to an image of the store: ${reference}`);
  }
  if (wanted.kind === 'url') {
    throw new PodctlError('image-reference-invalid', `images cannot be fetched from ${reference} yet`, {
      hint: 'download the image and its signature, and name the file',
    });
  }
  const image = images.find(wanted);
  if (policy !== 'unverified') requireTrust(services, image);
  images.touch(image.id);
  return image;
}

const isFile = (path: string): boolean => fs.statSync(path, { throwIfNoEntry: false })?.isFile() === true;

/** Trust is not for ever: the key that signed a stored image has to be trusted for it still. */
function requireTrust({ verifier }: Services, image: StoredImage): void {
  if (image.verification === undefined) {
    throw new PodctlError(
      'signature-missing',
      `image ${image.id.slice(0, 19)} (${image.name}) was stored without a verified signature`,
      {
        hint: 'fetch it again from a signed file, or allow it with --insecure-options=image',
      },
    );
  }
  if (verifier.stillTrusted(image.verification, image.name)) return;
  throw new PodctlError(
    'signature-key-untrusted',
    `image ${image.id.slice(0, 19)} (${image.name}) was signed by ${image.verification.fingerprint}, which is trusted for it no more`,
    { hint: 'podctl trust --prefix=NAME KEYFILE' },
  );
}
