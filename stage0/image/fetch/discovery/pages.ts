/** The way through the pages of a name: from its own up to its host's, until one has tags for it (appc X1, X2, X4). */
import { isAcIdentifier } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import type { HttpClient } from '../http/client';
import { refusedStatus } from '../http/failure';
import { MAX_PAGE_BYTES, metaTags } from './meta';

export type TagName = 'ac-discovery' | 'ac-discovery-pubkeys';

/** The content of a tag: `prefix value`. */
export interface Tag {
  readonly prefix: string;
  readonly value: string;
}

/** A name of more components than this is not looked for. */
const MAX_PAGES = 32;

/** The tags for this name of the nearest page that has some. @throws PodctlError `discovery-failed`, `fetch-*`, `interrupted` */
export async function discoverTags(client: HttpClient, name: string, tag: TagName): Promise<readonly Tag[]> {
  const pages = pagesOf(name);
  const seen: string[] = [];
  for (const page of pages) {
    const found = await tagsAt(client, page, name, tag);
    if (typeof found !== 'string') return found;
    seen.push(`${page}: ${found}`);
  }
  throw new PodctlError('discovery-failed', `nobody says where "${name}" comes from (${seen.join('; ')})`);
}

/** `a/b/c`, `a/b`, `a`. The first component has to be a host. */
function pagesOf(name: string): readonly string[] {
  const components = name.split('/');
  const [host = ''] = components;
  if (!isAcIdentifier(name) || components.length > MAX_PAGES || !URL.canParse(`https://${host}/`)) {
    throw new PodctlError('discovery-failed', `"${name}" does not begin with the name of a host`);
  }
  return components.map((_, index) => components.slice(0, components.length - index).join('/'));
}

/** The tags, or why there are none. */
async function tagsAt(client: HttpClient, page: string, name: string, tag: TagName): Promise<readonly Tag[] | string> {
  const { status, bytes, url } = await openPage(client, page);
  if (status >= 400 && status < 500) return `status ${status}`;
  if (status !== 200) throw refusedStatus(url, status);
  const tags = metaTags(bytes.toString('utf8'), tag).flatMap(({ content }) => readTag(content) ?? []);
  const own = tags.filter(({ prefix }) => covers(prefix, name));
  if (own.length > 0) return own;
  return tags.length === 0 ? `no tag ${tag}` : `no tag ${tag} for this name`;
}

async function openPage(client: HttpClient, page: string) {
  const https = new URL(`https://${page}?ac-discovery=1`);
  try {
    return await client.document(https, MAX_PAGE_BYTES);
  } catch (error) {
    const { http } = client.settings.insecure;
    if (!http || !(error instanceof PodctlError) || error.code === 'interrupted') throw error;
    return client.document(new URL(`http://${page}?ac-discovery=1`), MAX_PAGE_BYTES);
  }
}

function readTag(content: string): Tag | undefined {
  const [prefix, value, more] = content.trim().split(/\s+/);
  if (prefix === undefined || value === undefined || more !== undefined || !isAcIdentifier(prefix)) return undefined;
  return { prefix, value };
}

/** By whole components: `example.com/f` does not cover `example.com/foo`. */
const covers = (prefix: string, name: string): boolean => name === prefix || name.startsWith(`${prefix}/`);
