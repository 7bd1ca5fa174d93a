/** A large file over an unreliable net: what has come is kept, and only the rest is asked for. */
import type { IncomingHttpHeaders } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { PodctlError } from '#kernel/errors';
import type { Part, Partials } from '../../store/partials';
import type { Observe } from './events';
import { type HttpClient, requirePlain } from './http/client';
import type { Reply } from './http/exchange';
import { malformed, refusedStatus, shownUrl } from './http/failure';
import { conditions, freshUntil, strongValidator, type Validators, validatorsOf } from './http/freshness';
import { Patience } from './http/retry';

/** A compressed image of this size expands beyond what the store takes. */
const MAX_IMAGE_BYTES = 16 * 1024 ** 3;
/** So much has to come between two failures for the patience to begin anew. */
const PROGRESS_BYTES = 1024 * 1024;
/** However much comes each time: a server could go on breaking off for ever. */
const MAX_ATTEMPTS = 200;
/** How often a server may say that what has come is not part of what it has. */
const MAX_RESTARTS = 2;
const LOCK_POLL_MS = 100;

export interface DownloadRequest {
  readonly url: URL;
  /** Bytes it has to have, where that is known (appc B19). */
  readonly size: number | undefined;
  /** Of the version that is here already. */
  readonly known: Validators | undefined;
  /** Called once, when it is certain that a body has to be read. What it throws ends the download. */
  beforeBody(): Promise<void>;
}

export interface Downloaded extends Validators {
  /** `unchanged`: the known version is the current one. */
  readonly kind: 'complete' | 'unchanged';
  readonly freshUntil: number;
  /** Whether bytes of an earlier attempt are in it. */
  readonly resumed: boolean;
}

/** The part of a URL, as soon as nobody else works on it. @throws PodctlError `interrupted` */
export const openPart = (partials: Partials, url: URL, client: HttpClient, observe: Observe): Promise<Part> =>
  openPartOf(partials, url.href, shownUrl(url), client, observe);

/** @param key what the part is of, instead of a URL @param shown the same for people */
export async function openPartOf(
  partials: Partials,
  key: string,
  shown: string,
  client: HttpClient,
  observe: Observe,
): Promise<Part> {
  for (let told = false; ; told = true) {
    const part = partials.open(key);
    if (part !== undefined) return part;
    if (!told) observe({ event: 'waiting', url: shown });
    await sleep(LOCK_POLL_MS);
    if (client.settings.signal?.aborted === true) throw new PodctlError('interrupted', `${shown}: interrupted`);
  }
}

/** Completes the part. @throws PodctlError `fetch-*`, `image-too-large`, `image-dependency-invalid`, `interrupted` */
export async function download(
  client: HttpClient,
  part: Part,
  request: DownloadRequest,
  observe: Observe,
): Promise<Downloaded> {
  const patience = new Patience(client.settings);
  const state = { resumed: part.size > 0, asked: false, restarts: 0 };
  for (let attempts = 1; ; attempts += 1) {
    const before = part.size;
    try {
      const done = await attempt(client, part, request, state, observe);
      if (done !== undefined) return { ...done, resumed: state.resumed };
    } catch (error) {
      if (part.size - before >= PROGRESS_BYTES) patience.renew();
      if (attempts >= MAX_ATTEMPTS) throw error;
      await patience.after(error, request.url);
      if (part.size > 0) state.resumed = true;
    }
  }
}

interface State {
  resumed: boolean;
  asked: boolean;
  restarts: number;
}

/** Undefined: what has come was of no use, ask again for all of it. */
async function attempt(
  client: HttpClient,
  part: Part,
  request: DownloadRequest,
  state: State,
  observe: Observe,
): Promise<Omit<Downloaded, 'resumed'> | undefined> {
  const { note, size } = part;
  const validator = note === undefined || size === 0 ? undefined : strongValidator(note);
  if (validator === undefined && size > 0) part.forget();
  const whole = validator !== undefined && size === note?.total;
  const headers =
    validator === undefined
      ? conditions(request.known ?? {})
      : whole
        ? conditions(note ?? {})
        : { range: `bytes=${size}-`, 'if-range': validator };
  const reply = await client.get(request.url, headers);
  const facts = { ...validatorsOf(reply.headers), freshUntil: freshUntil(reply.headers, Date.now()) };
  switch (reply.status) {
    case 304:
      reply.close();
      if (whole) return { kind: 'complete', ...facts, etag: note?.etag, lastModified: note?.lastModified };
      if (validator === undefined && request.known !== undefined)
        return { kind: 'unchanged', ...request.known, ...defined(facts) };
      throw malformed(reply.url, 'it answered 304 to a request without a condition');
    case 200:
      part.begin({ url: request.url.href, ...validatorsOf(reply.headers), total: lengthOf(reply.headers) });
      state.resumed = false;
      break;
    case 206:
      if (validator !== undefined && !whole && continues(reply.headers, part)) break;
      return restart(part, reply, state);
    case 416:
      return restart(part, reply, state);
    default:
      reply.close();
      throw refusedStatus(reply.url, reply.status);
  }
  await receive(reply, part, request, state, observe);
  return { kind: 'complete', ...facts };
}

const defined = ({ etag, lastModified, freshUntil }: Validators & { freshUntil: number }) => ({
  ...(etag === undefined ? {} : { etag }),
  ...(lastModified === undefined ? {} : { lastModified }),
  freshUntil,
});

function restart(part: Part, reply: Reply, state: State): undefined {
  reply.close();
  part.forget();
  state.restarts += 1;
  state.resumed = false;
  if (state.restarts > MAX_RESTARTS) throw malformed(reply.url, `it answers ${reply.status} to what it was not asked`);
}

const lengthOf = (headers: IncomingHttpHeaders): number | undefined => {
  const text = headers['content-length'] ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
};

/** Whether a 206 is the rest of the very file whose beginning is here. */
function continues(headers: IncomingHttpHeaders, { note, size }: Part): boolean {
  const [, first, last, total] =
    /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(headers['content-range'] ?? '') ?? [];
  if (Number(first) !== size || note === undefined) return false;
  if (total !== undefined && total !== '*' && Number(last) !== Number(total) - 1) return false;
  if (note.total !== undefined && total !== '*' && Number(total) !== note.total) return false;
  return headers.etag === undefined || headers.etag === note.etag;
}

async function receive(
  reply: Reply,
  part: Part,
  { url, size: wanted, beforeBody }: DownloadRequest,
  state: State,
  observe: Observe,
): Promise<void> {
  const total = part.note?.total;
  const shown = shownUrl(url);
  const known = total === undefined ? {} : { total };
  try {
    requireFitting(url, total ?? part.size, wanted, total !== undefined);
    requirePlain(reply);
    if (!state.asked) await beforeBody();
    state.asked = true;
    observe({ event: 'downloading', url: shown, from: part.size, ...known });
    for await (const chunk of reply.pieces()) {
      part.append(chunk);
      requireFitting(url, part.size, wanted, false);
      observe({ event: 'progress', url: shown, done: part.size, ...known });
    }
    if (total !== undefined && part.size !== total) {
      part.forget();
      throw malformed(reply.url, `what it sent in parts is not ${total} bytes in all`);
    }
    requireFitting(url, part.size, wanted, true);
  } catch (error) {
    reply.close();
    if (error instanceof PodctlError && /^image-/.test(error.code)) part.forget();
    throw error;
  }
}

/** @param whole whether `size` is that of the whole file, or of what has come so far */
function requireFitting(url: URL, size: number, wanted: number | undefined, whole: boolean): void {
  if (size > MAX_IMAGE_BYTES) {
    throw new PodctlError('image-too-large', `${shownUrl(url)} has more than ${MAX_IMAGE_BYTES} bytes`);
  }
  if (wanted === undefined || size === wanted || (size < wanted && !whole)) return;
  const has = whole ? `${size} bytes` : `more than ${wanted} bytes`;
  throw new PodctlError(
    'image-dependency-invalid',
    `${shownUrl(url)} has ${has}, the image that needs it says ${wanted}`,
  );
}
