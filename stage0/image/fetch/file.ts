/** Fetching an image from a local file, signed by a file beside it. */
import fs from 'node:fs';
import { errnoOf, isErrno, PodctlError } from '#kernel/errors';
import type { ContentStore, StoredImage } from '../../store/cas';
import { type FileStamp, type SourceCache, type SourceEntry, sameStamp, stampOf } from '../../store/source-cache';
import type { SignatureVerifier } from './port';

/** Signatures have a few hundred bytes each; a file with several of them stays far below this. */
export const MAX_SIGNATURE_BYTES = 256 * 1024;

export type SignaturePolicy =
  /** `path` is the signature file; by default the image's with `.asc` after it (appc A9). */
  | { readonly kind: 'required'; readonly verifier: SignatureVerifier; readonly path?: string }
  /** It was fetched from elsewhere; `origin` is for people. */
  | { readonly kind: 'fetched'; readonly verifier: SignatureVerifier; readonly bytes: Buffer; readonly origin: string }
  /** What `--insecure-options=image` asks for: nothing is verified, nor recorded as verified. */
  | { readonly kind: 'none' };

export interface FileRequest {
  readonly path: string;
  readonly signature: SignaturePolicy;
}

export interface Stores {
  readonly images: ContentStore;
  readonly sources: SourceCache;
}

interface OpenFile {
  readonly fd: number;
  readonly stamp: FileStamp;
  readonly size: number;
}

interface Signature {
  readonly verifier: SignatureVerifier;
  readonly path: string;
  readonly bytes: Buffer;
  /** Undefined if it is no file, so that nothing tells whether it is the same later. */
  readonly stamp: FileStamp | undefined;
}

/**
 * The image in the store. A file that was fetched before and has not changed since is not read again; whether its recorded
 * verification still holds is asked anew.
 * @throws PodctlError `image-*`, `signature-*`, `decompressor-missing`
 */
export async function fetchFile(request: FileRequest, stores: Stores): Promise<StoredImage> {
  const now = Date.now();
  return withFile(request.path, 'image', async (file) => {
    const signature = openSignature(request);
    return remembered(file, signature, stores) ?? (await read(request.path, file, signature, stores, now));
  });
}

function remembered(
  file: OpenFile,
  signature: Signature | undefined,
  { images, sources }: Stores,
): StoredImage | undefined {
  const entry = sources.lookup(file.stamp);
  const image = entry === undefined ? undefined : images.sound(entry.id);
  if (entry === undefined || image === undefined) return undefined;
  if (signature !== undefined && !holds(entry, image, signature)) return undefined;
  images.touch(image.id);
  return signature === undefined ? image : { ...image, verification: entry.signed?.verification };
}

function holds({ signed }: SourceEntry, image: StoredImage, signature: Signature): boolean {
  if (signed === undefined || signature.stamp === undefined) return false;
  if (!sameStamp(signed.signature, signature.stamp)) return false;
  return signature.verifier.stillTrusted(signed.verification, image.name);
}

async function read(
  path: string,
  { fd, size, stamp }: OpenFile,
  signature: Signature | undefined,
  { images, sources }: Stores,
  now: number,
): Promise<StoredImage> {
  // Only what has to be read costs the loading of the reader (warm starts count milliseconds).
  const { importArchive } = await import('./import.js');
  const check = await signature?.verifier.open(signature.bytes, signature.path);
  const image = await importArchive(images, { fd, size, source: path }, check);
  const { verification } = image;
  const signed =
    signature?.stamp === undefined || verification === undefined
      ? undefined
      : { signature: signature.stamp, verification };
  sources.remember({ image: stamp, id: image.id, signed }, now);
  return image;
}

function openSignature({ path: image, signature }: FileRequest): Signature | undefined {
  if (signature.kind === 'none') return undefined;
  if (signature.kind === 'fetched') {
    const { verifier, bytes, origin } = signature;
    return { verifier, path: origin, bytes, stamp: undefined };
  }
  const path = signature.path ?? `${image}.asc`;
  try {
    return withFile(path, 'signature', ({ fd, stamp, size }) => {
      if (size > MAX_SIGNATURE_BYTES) {
        throw new PodctlError(
          'signature-malformed',
          `${path} is larger than a signature (${MAX_SIGNATURE_BYTES} bytes)`,
        );
      }
      return { verifier: signature.verifier, path, bytes: fs.readFileSync(fd), stamp };
    });
  } catch (error) {
    if (!(error instanceof PodctlError) || !isErrno(error.cause, 'ENOENT')) throw error;
    throw new PodctlError('signature-missing', `image ${image} has no signature: there is no file ${path}`, {
      cause: error,
    });
  }
}

/** @param what it holds, for messages @throws PodctlError `image-file-unreadable` */
export function openRegular(path: string, what: string): number {
  let fd: number;
  try {
    // O_NONBLOCK: a fifo must not make podctl wait for a writer.
    fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  } catch (cause) {
    const problem = errnoOf(cause) === 'ENOENT' ? 'does not exist' : `cannot be opened: ${(cause as Error).message}`;
    throw new PodctlError('image-file-unreadable', `${what} file ${path} ${problem}`, { position: path, cause });
  }
  if (fs.fstatSync(fd).isFile()) return fd;
  fs.closeSync(fd);
  throw new PodctlError('image-file-unreadable', `${what} file ${path} is not a regular file`, { position: path });
}

/** Opens, hands over, and closes when the result is there. */
function withFile<T>(path: string, what: string, use: (file: OpenFile) => T): T {
  const fd = openRegular(path, what);
  const close = (): void => fs.closeSync(fd);
  try {
    const stat = fs.fstatSync(fd, { bigint: true });
    const result = use({ fd, stamp: stampOf(stat), size: Number(stat.size) });
    if (result instanceof Promise) return result.finally(close) as T;
    close();
    return result;
  } catch (error) {
    close();
    throw error;
  }
}
