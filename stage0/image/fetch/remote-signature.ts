/** The signature of an image that is fetched: by URL, or from a file that the user named. */
import { messageOf, PodctlError } from '#kernel/errors';
import { readBounded } from '../../files/read-bounded';
import type { Observe } from './events';
import { MAX_SIGNATURE_BYTES } from './file';
import type { HttpClient } from './http/client';
import { refusedStatus, shownUrl } from './http/failure';
import { pause } from './http/retry';

export type SignatureSource = { readonly url: URL } | { readonly path: string };

export interface SignatureBytes {
  readonly bytes: Buffer;
  /** For people. */
  readonly origin: string;
}

/** A server that still makes the signature is asked this often, if it does not say itself when to come back. */
const POLLS = 8;
const POLL_MS = 1000;
const LONGEST_POLL_MS = 30_000;

/** Undefined: the server is still making it (status 202), ask again later. @throws PodctlError `signature-*`, `fetch-*` */
export async function fetchSignature(
  client: HttpClient,
  source: SignatureSource,
  image: URL,
): Promise<SignatureBytes | undefined> {
  if ('path' in source) return readSignature(source.path);
  const found = await ask(client, source.url, image);
  return 'bytes' in found ? found : undefined;
}

/** @throws PodctlError `signature-deferred` if it does not come, and as fetchSignature() */
export async function awaitSignature(
  client: HttpClient,
  url: URL,
  image: URL,
  observe: Observe,
): Promise<SignatureBytes> {
  for (let poll = 0; ; poll += 1) {
    const found = await ask(client, url, image);
    if ('bytes' in found) return found;
    const { longestRetryAfterMs, baseMs = POLL_MS } = client.settings.retry ?? { longestRetryAfterMs: LONGEST_POLL_MS };
    const delay = found.retryAfterMs ?? Math.min(LONGEST_POLL_MS, baseMs * 2 ** poll);
    if (poll >= POLLS || delay > longestRetryAfterMs) {
      throw new PodctlError('signature-deferred', `${shownUrl(url)}: the server is still making the signature`);
    }
    observe({
      event: 'retrying',
      url: shownUrl(url),
      reason: 'the server is still making the signature',
      delayMs: delay,
    });
    await pause(delay, url, client.settings.signal);
  }
}

async function ask(
  client: HttpClient,
  url: URL,
  image: URL,
): Promise<SignatureBytes | { readonly retryAfterMs: number | undefined }> {
  const { status, bytes, cut, retryAfterMs } = await client.document(url, MAX_SIGNATURE_BYTES);
  if (status === 202) return { retryAfterMs };
  if (status === 404 || status === 410) {
    throw new PodctlError(
      'signature-missing',
      `${image === url ? '' : `image ${shownUrl(image)} has no signature: `}there is no ${shownUrl(url)}`,
    );
  }
  if (status !== 200) throw refusedStatus(url, status);
  if (cut) throw tooLarge(shownUrl(url));
  return { bytes, origin: shownUrl(url) };
}

function readSignature(path: string): SignatureBytes {
  let bytes: Buffer | undefined;
  try {
    bytes = readBounded(path, MAX_SIGNATURE_BYTES);
  } catch (cause) {
    throw new PodctlError('image-file-unreadable', `signature file ${path}: ${messageOf(cause)}`, { cause });
  }
  if (bytes === undefined) throw tooLarge(path);
  return { bytes, origin: path };
}

const tooLarge = (origin: string): PodctlError =>
  new PodctlError('signature-malformed', `${origin} is larger than a signature (${MAX_SIGNATURE_BYTES} bytes)`);
