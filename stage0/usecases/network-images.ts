/** Images that come over the network: the ports of fetching, put together for one of them. */
import { PodctlError } from '#kernel/errors';
import { once } from '#kernel/once';
import { discoverKeys } from '../image/fetch/discovery/keys';
import { webUrl } from '../image/fetch/discovery/template';
import { shownUrl } from '../image/fetch/http/failure';
import { fetchName } from '../image/fetch/name';
import { awaitSignature, type SignatureBytes, type SignatureSource } from '../image/fetch/remote-signature';
import { fetchUrl, imageOf, type Network } from '../image/fetch/url';
import type { Label } from '../image/schema';
import type { StoredImage } from '../store/cas';
import type { FetchOptions } from './images';
import { interruptible } from './interruptible';
import type { Services } from './services';

/**
 * @param signature file or URL; undefined: the image's with `.asc` behind its path (appc A9)
 * @param use checks and notes the use of a stored image
 * @throws PodctlError `image-*`, `signature-*`, `fetch-*`, `interrupted`
 */
export async function fetchByUrl(
  services: Services,
  url: URL,
  signature: string | undefined,
  options: FetchOptions,
  use: (image: StoredImage) => Promise<StoredImage>,
): Promise<StoredImage> {
  const { images, remotes, verifier } = services;
  if (options.pull !== 'update') {
    const entry = remotes.lookup(url.href);
    const stored = entry && imageOf(images, entry);
    if (stored !== undefined) return use(stored);
    if (options.pull === 'never')
      throw new PodctlError('image-not-found', `nothing was fetched from ${shownUrl(url)} yet`);
  }
  return withNetwork(services, options, (network) => {
    const request = { url, objection: () => undefined, size: undefined };
    if (options.policy === 'unverified') return fetchUrl({ ...request, signature: { kind: 'none' } }, network);
    const source = signatureOf(url, signature);
    const learn = async (): Promise<void> => undefined; // nobody knows the name that keys would be learned for
    return fetchUrl({ ...request, signature: { kind: 'required', verifier, source, learnKeys: learn } }, network);
  });
}

/** @param size bytes as transferred, if a dependent says them. @throws as fetchByUrl(), and `discovery-failed` */
export function fetchByName(
  services: Services,
  name: string,
  labels: readonly Label[],
  size: number | undefined,
  options: FetchOptions,
): Promise<StoredImage> {
  return withNetwork(services, options, (network) => {
    if (options.policy === 'unverified') return fetchName({ name, labels, size, signature: { kind: 'none' } }, network);
    const learn = once(() => learnKeys(services, name, options, network.client.settings.signal));
    const signature = { kind: 'required', verifier: services.verifier, learnKeys: learn } as const;
    return fetchName({ name, labels, size, signature }, network);
  });
}

/** A signature by its URL, for an image that is a file. @throws PodctlError `signature-*`, `fetch-*`, `interrupted` */
export function fetchSignatureOf(services: Services, url: string, options: FetchOptions): Promise<SignatureBytes> {
  const found = webUrl(url);
  if (found === undefined) throw new PodctlError('usage', '--signature: not a URL without user and password');
  return withNetwork(services, options, ({ client, observe }) => awaitSignature(client, found, found, observe));
}

function signatureOf(image: URL, given: string | undefined): SignatureSource {
  if (given === undefined) {
    const url = new URL(image);
    url.pathname += '.asc';
    return { url };
  }
  const url = webUrl(given);
  return url === undefined ? { path: given } : { url };
}

const withNetwork = <T>(
  { images, partials, remotes, web }: Services,
  options: FetchOptions,
  work: (network: Network) => Promise<T>,
): Promise<T> =>
  interruptible(options, async (interruption) =>
    work({ client: await web(interruption), images, partials, remotes, observe: options.observe }),
  );

async function learnKeys(
  { keys, web, warn }: Services,
  name: string,
  { trustKeys }: FetchOptions,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (!trustKeys || !(await keys.lacking(name))) return;
  const found = await discoverKeys(await web({ signal, forKeys: true }), name);
  for (const done of await keys.learn(name, found)) warn(`${done}: its site said so over https, nobody reviewed it`);
}
