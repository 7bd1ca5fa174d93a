/** Where the keys come from that somebody is about to trust: files, URLs, or the site of an image name. */
import { PodctlError } from '#kernel/errors';
import { discoverKeys, fetchKey } from '../image/fetch/discovery/keys';
import { webUrl } from '../image/fetch/discovery/template';
import type { HttpClient } from '../image/fetch/http/client';
import { checkPrefix } from '../image/verify/keystore-change';
import { ROOT } from '../image/verify/prefix';
import type { KeySource } from '../image/verify/trust';

/**
 * @param words files and http or https URLs; none: what the site of the prefix offers (appc X1)
 * @param web makes the client, only if something has to be fetched
 * @throws PodctlError `usage`, `invalid-name`, `discovery-failed`, `fetch-*`, `key-invalid`
 */
export async function keySources(
  words: readonly string[],
  prefix: string,
  web: () => Promise<HttpClient>,
): Promise<readonly KeySource[]> {
  checkPrefix(prefix);
  if (words.length === 0) {
    if (prefix !== ROOT) return discoverKeys(await web(), prefix);
    throw new PodctlError('usage', '--root needs a key: no site says which keys count for every image');
  }
  const sources: KeySource[] = [];
  for (const word of words) sources.push(isUrl(word) ? await fetchKey(await web(), urlOf(word)) : word);
  return sources;
}

const isUrl = (word: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//i.test(word);

function urlOf(word: string): URL {
  const url = webUrl(word);
  if (url !== undefined) return url;
  throw new PodctlError('usage', 'keys come from files, and from http and https URLs without user and password');
}
