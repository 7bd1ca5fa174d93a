/** One blob: from the first place that has it, resumed wherever it broke off, and checked. */
import { PodctlError } from '#kernel/errors';
import type { Partials } from '../../../store/partials';
import { openPartOf } from '../../fetch/download';
import type { Observe } from '../../fetch/events';
import { type HttpClient, requirePlain } from '../../fetch/http/client';
import type { Reply } from '../../fetch/http/exchange';
import { malformed, shownUrl } from '../../fetch/http/failure';
import { Patience } from '../../fetch/http/retry';
import type { BlobFile, Descriptor, Take } from '../port';
import type { RegistryApi } from './api';
import { partKey, Received, TakeFailure } from './received';

/** A compressed layer of this size expands beyond what the store takes. */
const MAX_BLOB_BYTES = 16 * 1024 ** 3;
/** What is fetched again faster than it is looked for on the disk, and leaves no file. */
const SMALL_BYTES = 256 * 1024;
/** So much has to come between two failures for the patience to begin anew. */
const PROGRESS_BYTES = 1024 * 1024;
/** However much comes each time: a server could go on breaking off for ever. */
const MAX_ATTEMPTS = 200;

export interface BlobWorld {
  readonly client: HttpClient;
  readonly partials: Partials;
  readonly observe: Observe;
}

/** @param apis where it may be, in order; none of them is trusted */
export async function fetchBlob(
  apis: readonly RegistryApi[],
  descriptor: Descriptor,
  take: Take,
  world: BlobWorld,
): Promise<BlobFile | undefined> {
  const { client, partials, observe } = world;
  const { digest, size } = descriptor;
  if (size > MAX_BLOB_BYTES) throw new PodctlError('image-too-large', `${digest} has ${size} bytes`);
  const part =
    size <= SMALL_BYTES ? undefined : await openPartOf(partials, partKey(descriptor), digest, client, observe);
  const received = new Received(descriptor, take, part);
  try {
    await received.recall();
    if (!received.isWhole || size === 0) await receiveFromAny(apis, received, world);
    received.verify();
  } catch (error) {
    const thrown = error instanceof TakeFailure ? error.cause : error;
    // What is no part of this blob must not be gone on with.
    received.end(!(thrown instanceof PodctlError && /^image-/.test(thrown.code)));
    throw thrown;
  }
  return received.file();
}

async function receiveFromAny(apis: readonly RegistryApi[], received: Received, world: BlobWorld): Promise<void> {
  for (const [index, api] of apis.entries()) {
    const last = index === apis.length - 1;
    try {
      return await receiveFrom(api, received, world, last);
    } catch (error) {
      if (last || !isPassedOver(error)) throw error;
      world.observe({ event: 'passed-over', url: shownUrl(blobUrl(api, received)), reason: error.message });
    }
  }
}

/** Another place may do better, unless bytes were given away that were wrong. */
export const isPassedOver = (error: unknown): error is PodctlError =>
  error instanceof PodctlError && (error.code.startsWith('fetch-') || error.code.startsWith('registry-'));

const blobUrl = (api: RegistryApi, { descriptor }: Received): URL => api.url(`blobs/${descriptor.digest}`);

/** @param patient whether there is no other place to ask */
async function receiveFrom(api: RegistryApi, received: Received, world: BlobWorld, patient: boolean): Promise<void> {
  const patience = new Patience(world.client.settings);
  for (let attempts = 1; ; attempts += 1) {
    const before = received.size;
    try {
      return await attempt(api, received, world);
    } catch (error) {
      if (received.size - before >= PROGRESS_BYTES) patience.renew();
      if (!patient || error instanceof TakeFailure || attempts >= MAX_ATTEMPTS) throw error;
      await patience.after(error, blobUrl(api, received));
    }
  }
}

async function attempt(api: RegistryApi, received: Received, { observe }: BlobWorld): Promise<void> {
  const from = received.size;
  const { digest, size: total } = received.descriptor;
  const url = shownUrl(blobUrl(api, received));
  const headers: Record<string, string> = from === 0 ? {} : { range: `bytes=${from}-` };
  const reply = await api.get(`blobs/${digest}`, headers, from === 0 ? [200] : [200, 206], digest);
  try {
    requirePlain(reply);
    let skip = reply.status === 206 ? requireRest(reply, from, total) : from;
    requireLength(reply, total, total - (from - skip), digest);
    observe({ event: 'downloading', url, from, total });
    for await (const chunk of reply.pieces()) {
      const fresh = skip === 0 ? chunk : chunk.subarray(Math.min(skip, chunk.length));
      skip -= chunk.length - fresh.length;
      if (fresh.length === 0) continue;
      const wait = received.add(fresh);
      if (wait !== undefined) await wait;
      observe({ event: 'progress', url, done: received.size, total });
    }
  } finally {
    reply.close();
  }
}

/** @returns 0: nothing of the body is to be skipped */
function requireRest(reply: Reply, from: number, total: number): number {
  const [, first, all] = /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15}|\*)$/.exec(reply.headers['content-range'] ?? '') ?? [];
  if (Number(first) === from && (all === '*' || Number(all) === total)) return 0;
  throw malformed(reply.url, `it sends other bytes than the rest from ${from} on, which it was asked for`);
}

/** A wrong length is found before the body is read. */
function requireLength(reply: Reply, total: number, expected: number, digest: string): void {
  const text = reply.headers['content-length'];
  if (text === undefined || !/^\d{1,15}$/.test(text) || Number(text) === expected) return;
  const has = total - expected + Number(text);
  throw new PodctlError(
    'image-digest-mismatch',
    `${digest} has ${has} bytes at ${shownUrl(reply.url)}, its manifest says ${total}`,
  );
}
