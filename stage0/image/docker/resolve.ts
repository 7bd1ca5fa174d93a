/** From a reference to one image: through indexes, as deep as they are nested, to its manifest and its configuration. */
import { PodctlError } from '#kernel/errors';
import { MAX_CONFIG_BYTES } from './config';
import { requireDigest } from './digest';
import { decodeDocument, type ImageDocument, MAX_DOCUMENT_BYTES, type WantedPlatform } from './documents';
import { choosePlatform } from './platform-choice';
import type { Descriptor, Digest, Document, ImageSource } from './port';

/** Nobody nests indexes more than twice on purpose. */
const MAX_DEPTH = 8;

export interface ResolvedManifest {
  readonly document: Document;
  readonly image: ImageDocument;
  /** Of the document that was asked for, of the indexes on the way, and of the manifest. */
  readonly digests: readonly Digest[];
}

/**
 * @param reference as ImageSource.document() takes it
 * @throws PodctlError `image-*`, `fetch-*`
 */
export async function resolveManifest(
  source: ImageSource,
  reference: string | undefined,
  platform: WantedPlatform,
): Promise<ResolvedManifest> {
  const seen = new Set<Digest>();
  let document = await source.document(reference);
  for (;;) {
    requireDigest('a manifest', document.digest, document.bytes);
    // What is in an index is larger than its digest, so only a collision could close a circle; names of files need none.
    if (seen.has(document.digest) || seen.size >= MAX_DEPTH)
      throw new PodctlError(
        'image-document-invalid',
        `the indexes of the image lead from one to the next ${seen.size} times`,
      );
    seen.add(document.digest);
    const decoded = decodeDocument(document);
    if (decoded.kind === 'image') return { document, image: decoded, digests: [...seen] };
    const chosen = choosePlatform(decoded.manifests, platform);
    if (chosen.size > MAX_DOCUMENT_BYTES)
      throw new PodctlError('image-too-large', `the manifest ${chosen.digest} has ${chosen.size} bytes`);
    const next = await source.document(chosen.digest);
    requireSize('a manifest', chosen, next.bytes);
    document = { ...next, mediaType: next.mediaType === '' ? chosen.mediaType : next.mediaType };
  }
}

function requireSize(what: string, { size, digest }: Descriptor, bytes: Uint8Array): void {
  if (bytes.length === size) return;
  throw new PodctlError('image-digest-mismatch', `${what} (${digest}) has ${bytes.length} bytes, not ${size}`);
}

/** The whole of a small blob. @throws PodctlError as ImageSource.blob(), `image-too-large` */
export async function readConfig(source: ImageSource, descriptor: Descriptor): Promise<Buffer> {
  if (descriptor.size > MAX_CONFIG_BYTES)
    throw new PodctlError('image-too-large', `the configuration of the image has ${descriptor.size} bytes`);
  const chunks: Buffer[] = [];
  let size = 0;
  const file = await source.blob(descriptor, (chunk) => {
    size += chunk.length;
    if (size > MAX_CONFIG_BYTES)
      throw new PodctlError('image-too-large', 'the configuration of the image is too large');
    chunks.push(Buffer.from(chunk));
    return undefined;
  });
  file?.release();
  const bytes = Buffer.concat(chunks);
  requireSize('the configuration', descriptor, bytes);
  requireDigest('the configuration', descriptor.digest, bytes);
  return bytes;
}
