/** One repository of a registry, with its mirrors, as a source of images. */
import { PodctlError } from '#kernel/errors';
import type { Partials } from '../../../store/partials';
import type { Observe } from '../../fetch/events';
import { HttpClient, requirePlain } from '../../fetch/http/client';
import { shownUrl } from '../../fetch/http/failure';
import { digestOf, isDigest } from '../digest';
import { MAX_DOCUMENT_BYTES } from '../documents';
import { DOCUMENTS } from '../media-types';
import type { Document, ImageSource } from '../port';
import { RegistryApi } from './api';
import { type BlobWorld, fetchBlob, isPassedOver } from './blob';
import type { CredentialSource } from './credentials';
import { endpointsOf, type RegistryTable } from './mirrors';
import { type RegistryReference, repositoryOf } from './reference';

export interface RegistryServices {
  /** Without credentials of its own: those of auth.d are for web servers. */
  readonly client: HttpClient;
  readonly partials: Partials;
  readonly credentials: CredentialSource;
  readonly registries: RegistryTable;
  readonly observe: Observe;
}

/** Everything that podctl reads. A registry that has only schema 1 sends that all the same. */
const ACCEPT = DOCUMENTS.join(', ');

/**
 * Nothing is asked before the first document or blob is. Any number of blobs may be asked for at once; the same blob twice
 * only after the file of the first was released.
 * @throws PodctlError `config-invalid`
 */
export function openRegistry(reference: RegistryReference, services: RegistryServices): ImageSource {
  const end = new AbortController();
  const { settings } = services.client;
  const signal = settings.signal === undefined ? end.signal : AbortSignal.any([settings.signal, end.signal]);
  const client = new HttpClient({ ...settings, signal });
  const apis = endpointsOf(services.registries, reference).map(
    (endpoint) => new RegistryApi(client, endpoint, services.credentials),
  );
  const world: BlobWorld = { client, partials: services.partials, observe: services.observe };
  return {
    document: (wanted) =>
      fetchDocument(apis, reference, wanted ?? reference.digest ?? reference.tag ?? 'latest', world),
    blob: (descriptor, take) => fetchBlob(apis, descriptor, take, world),
    close: () => end.abort(),
  };
}

async function fetchDocument(
  apis: readonly RegistryApi[],
  reference: RegistryReference,
  wanted: string,
  { client, observe }: BlobWorld,
): Promise<Document> {
  const shown = `${repositoryOf(reference)}${isDigest(wanted) ? '@' : ':'}${wanted}`;
  for (const [index, api] of apis.entries()) {
    const url = api.url(`manifests/${wanted}`);
    try {
      const ask = (): Promise<Document> => documentFrom(api, client, wanted, shown);
      return await (index < apis.length - 1 ? ask() : client.patiently(url, ask));
    } catch (error) {
      if (index === apis.length - 1 || !isWorse(error)) throw error;
      observe({ event: 'passed-over', url: shownUrl(url), reason: error.message });
    }
  }
  throw new PodctlError('internal', `${shown}: there is no place to ask`);
}

/** A mirror with another document of this digest is a bad mirror. */
const isWorse = (error: unknown): error is PodctlError =>
  isPassedOver(error) || (error instanceof PodctlError && error.code === 'image-digest-mismatch');

async function documentFrom(api: RegistryApi, client: HttpClient, wanted: string, shown: string): Promise<Document> {
  const reply = await api.get(`manifests/${wanted}`, { accept: ACCEPT }, [200], shown);
  try {
    requirePlain(reply);
    const { bytes, cut } = await client.head(reply, MAX_DOCUMENT_BYTES);
    if (cut)
      throw new PodctlError('image-too-large', `${shown} has a manifest of more than ${MAX_DOCUMENT_BYTES} bytes`);
    const said = reply.headers['docker-content-digest'];
    const claimed = typeof said === 'string' && isDigest(said) ? said : undefined;
    const digest = digestOf(bytes, isDigest(wanted) ? wanted : claimed);
    for (const expected of [isDigest(wanted) ? wanted : undefined, isDigest(wanted) ? undefined : claimed]) {
      if (expected === undefined || expected === digest) continue;
      throw new PodctlError('image-digest-mismatch', `${shown}: ${expected} was asked for or promised, ${digest} came`);
    }
    return { mediaType: reply.headers['content-type'] ?? '', digest, bytes };
  } finally {
    reply.close();
  }
}
