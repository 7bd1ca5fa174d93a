/** Public keys found by discovery (appc X1, tags `ac-discovery-pubkeys`), or at a URL. What they are worth is decided elsewhere. */
import { PodctlError } from '#kernel/errors';
import type { HttpClient } from '../http/client';
import { refusedStatus, shownUrl } from '../http/failure';
import { discoverTags } from './pages';
import { webUrl } from './template';

/** A key that was fetched: bytes as they came, armoured or not, of nobody trusted yet. */
export interface FoundKey {
  /** Its URL, for people. */
  readonly origin: string;
  readonly bytes: Buffer;
}

/** A key ring of some hundred keys stays below. */
const MAX_KEY_BYTES = 1024 * 1024;
/** Key files that a prefix may name. */
const MAX_KEYS = 16;

/**
 * The keys that the site of a name offers for it, one for each tag; all of them, or an error.
 * @param prefix an image name, or the beginning of one
 * @throws PodctlError `discovery-failed`, `fetch-*`, `interrupted`
 */
export async function discoverKeys(client: HttpClient, prefix: string): Promise<readonly FoundKey[]> {
  const tags = await discoverTags(client, prefix, 'ac-discovery-pubkeys');
  const urls = new Map<string, URL>();
  for (const { value } of tags) {
    const url = webUrl(value);
    if (url === undefined)
      throw new PodctlError('discovery-failed', `the site of "${prefix}" names no URL of its keys`);
    urls.set(url.href, url);
  }
  if (urls.size > MAX_KEYS) {
    throw new PodctlError('discovery-failed', `the site of "${prefix}" names more than ${MAX_KEYS} keys`);
  }
  const keys: FoundKey[] = [];
  for (const url of urls.values()) keys.push(await fetchKey(client, url));
  return keys;
}

/** @throws PodctlError `fetch-*`, `key-invalid`, `interrupted` */
export async function fetchKey(client: HttpClient, url: URL): Promise<FoundKey> {
  const { status, bytes, cut } = await client.document(url, MAX_KEY_BYTES);
  if (status !== 200) throw refusedStatus(url, status);
  if (cut) throw new PodctlError('key-invalid', `${shownUrl(url)} is larger than a key (${MAX_KEY_BYTES} bytes)`);
  return { origin: shownUrl(url), bytes };
}
