/** Fetching an image from a URL: not at all if the store has what the server would send, and otherwise once. */
import fs from 'node:fs';
import { isErrno, messageOf, PodctlError } from '#kernel/errors';
import type { ContentStore, StoredImage } from '../../store/cas';
import type { Part, Partials } from '../../store/partials';
import type { RemoteEntry, Remotes } from '../../store/remotes';
import type { ImageManifest } from '../manifest';
import { type Downloaded, download, openPart } from './download';
import type { Observe } from './events';
import type { HttpClient } from './http/client';
import { shownUrl } from './http/failure';
import { importArchive } from './import';
import type { Objection } from './objection';
import type { SignatureCheck, SignatureVerifier } from './port';
import { awaitSignature, fetchSignature, type SignatureSource } from './remote-signature';

/** What fetching over the network needs of the world. */
export interface Network {
  readonly client: HttpClient;
  readonly images: ContentStore;
  readonly partials: Partials;
  readonly remotes: Remotes;
  readonly observe: Observe;
}

export type RemoteSignature =
  | {
      readonly kind: 'required';
      readonly verifier: SignatureVerifier;
      readonly source: SignatureSource;
      /** Called before the signature is opened: the moment to learn new keys. */
      readonly learnKeys: () => Promise<void>;
    }
  | { readonly kind: 'none' };

export interface UrlRequest {
  readonly url: URL;
  readonly signature: RemoteSignature;
  readonly objection: Objection;
  /** Bytes as transferred, if a dependent says them (appc B19). */
  readonly size: number | undefined;
}

/** @throws PodctlError `fetch-*`, `image-*`, `signature-*`, `interrupted` */
export async function fetchUrl(request: UrlRequest, network: Network): Promise<StoredImage> {
  const fresh = usable(request, network);
  if (fresh !== undefined && Date.now() < fresh.entry.freshUntil) return unchanged(fresh.image, request.url, network);
  const part = await openPart(network.partials, request.url, network.client, network.observe);
  let settled = false;
  const settle = (end: 'keep' | 'discard'): void => {
    if (!settled) part[end]();
    settled = true;
  };
  try {
    const image = await throughPart(part, request, network);
    settle('discard');
    return image;
  } catch (error) {
    settle(isWorthKeeping(error) ? 'keep' : 'discard');
    const [code, reason] = error instanceof PodctlError ? [error.code, error.message] : ['io', messageOf(error)];
    network.observe({ event: 'failed', url: shownUrl(request.url), code, reason });
    throw error;
  }
}

interface Known {
  readonly entry: RemoteEntry;
  readonly image: StoredImage;
}

/** The image that this URL gave, if it may still be used for what is asked. */
function usable({ url, signature, objection }: UrlRequest, { remotes, images }: Network): Known | undefined {
  const entry = remotes.lookup(url.href);
  const image = entry && imageOf(images, entry);
  if (entry === undefined || image === undefined) return undefined;
  if (signature.kind === 'required') {
    const { verification } = image;
    if (verification === undefined || !signature.verifier.stillTrusted(verification, image.name)) return undefined;
  }
  return objection(image) === undefined ? { entry, image } : undefined;
}

/** The image that a URL gave. A damaged one counts as none: it makes way for the same, fetched again. */
export const imageOf = (images: ContentStore, { id }: RemoteEntry): StoredImage | undefined => images.sound(id);

function unchanged(image: StoredImage, url: URL, { images, observe }: Network): StoredImage {
  images.touch(image.id);
  observe({ event: 'unchanged', url: shownUrl(url), id: image.id });
  return image;
}

/**
 * What was resumed and then turns out to be bad may be two versions in one, whatever the server says of them: then, once,
 * all of it is fetched anew.
 */
async function throughPart(part: Part, request: UrlRequest, network: Network): Promise<StoredImage> {
  const attempt: { resumed: boolean } = { resumed: false };
  try {
    return await once(part, request, network, attempt);
  } catch (error) {
    if (!attempt.resumed || isWorthKeeping(error)) throw error;
    part.forget();
    return once(part, request, network, attempt);
  }
}

async function once(
  part: Part,
  request: UrlRequest,
  network: Network,
  attempt: { resumed: boolean },
): Promise<StoredImage> {
  const { url, signature } = request;
  const { client, remotes, observe } = network;
  // Whoever held the lock before may have fetched it meanwhile.
  const known = usable(request, network);
  let check: SignatureCheck | undefined;
  try {
    const done = await download(
      client,
      part,
      {
        url,
        size: request.size,
        known: known?.entry,
        // A missing signature or an unknown key is known before the image is loaded.
        beforeBody: async () => {
          check = await openEarly(signature, url, client);
        },
      },
      observe,
    );
    attempt.resumed = done.resumed;
    if (done.kind === 'unchanged' && known !== undefined) {
      remotes.remember(entryOf(url, known.image, done));
      return unchanged(known.image, url, network);
    }
    if (check === undefined && signature.kind === 'required') check = await openLate(signature, url, client, observe);
    const image = await importPart(part, request, network, check);
    remotes.remember(entryOf(url, image, done));
    observe({ event: 'stored', url: shownUrl(url), id: image.id, name: image.name, size: image.size });
    return image;
  } catch (error) {
    check?.abort();
    throw error;
  }
}

async function importPart(
  part: Part,
  { url, objection }: UrlRequest,
  { client, images }: Network,
  check: SignatureCheck | undefined,
): Promise<StoredImage> {
  const fd = part.openForReading();
  const accept = (manifest: ImageManifest): void => {
    const problem = objection(manifest);
    if (problem !== undefined) throw problem;
  };
  try {
    const { signal } = client.settings;
    return await importArchive(images, { fd, size: part.size, source: shownUrl(url), accept, signal }, check);
  } finally {
    fs.closeSync(fd);
  }
}

const entryOf = (url: URL, { id }: StoredImage, { etag, lastModified, freshUntil }: Downloaded): RemoteEntry => ({
  url: url.href,
  id,
  etag,
  lastModified,
  freshUntil,
});

/** Undefined if the signature is to come later (status 202). */
async function openEarly(
  signature: RemoteSignature,
  url: URL,
  client: HttpClient,
): Promise<SignatureCheck | undefined> {
  if (signature.kind === 'none') return undefined;
  const found = await fetchSignature(client, signature.source, url);
  if (found === undefined) return undefined;
  await signature.learnKeys();
  return signature.verifier.open(found.bytes, found.origin);
}

async function openLate(
  { source, verifier, learnKeys }: Extract<RemoteSignature, { kind: 'required' }>,
  url: URL,
  client: HttpClient,
  observe: Observe,
): Promise<SignatureCheck> {
  const found =
    'url' in source
      ? await awaitSignature(client, source.url, url, observe)
      : await fetchSignature(client, source, url);
  if (found === undefined) throw new PodctlError('internal', 'a signature file was deferred');
  await learnKeys();
  return verifier.open(found.bytes, found.origin);
}

/** Whether what has come is good, or may be: the net, the disk or the keystore failed, not the bytes. */
function isWorthKeeping(error: unknown): boolean {
  // A disk that is full is not to stay so.
  if (!(error instanceof PodctlError)) return !isErrno(error, 'ENOSPC', 'EDQUOT');
  const { code } = error;
  if (/^(?:signature-(?:key-|missing|deferred)|interrupted|io|decompressor-missing|internal)/.test(code)) return true;
  return code.startsWith('fetch-') && code !== 'fetch-response-invalid';
}
