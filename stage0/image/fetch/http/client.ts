/** Reading over http and https as a careful client does: with credentials, redirects, retries, and limits for everything. */
import type { SecureContext } from 'node:tls';
import { PodctlError } from '#kernel/errors';
import { authorityOf, authorization } from './authorization';
import { secureContext, withoutAuthorities } from './certificates';
import { openConnection, type Route } from './connection';
import { exchange, type Reply } from './exchange';
import { malformed, refusedStatus, shownUrl, timedOut } from './failure';
import { answersPlainly } from './greeting';
import { proxyFor } from './proxy';
import { isUnwilling, Patience, retryAfter, Unwilling } from './retry';
import { type HttpSettings, MAX_REDIRECTS, TIMEOUTS } from './settings';

type Headers = Readonly<Record<string, string>>;

/** A small document, whole. */
export interface Document {
  readonly url: URL;
  readonly status: number;
  /** Empty unless the status is 200. */
  readonly bytes: Buffer;
  /** Whether there was more of it than `bytes`. */
  readonly cut: boolean;
  readonly retryAfterMs: number | undefined;
}

/** What a request carries beside its headers. */
export interface Asking {
  /** Value of an Authorization header: for the URL's own scheme, host and port, never for where it leads. */
  readonly authorization?: string | undefined;
  /** What to post; such a request follows no redirect. */
  readonly form?: URLSearchParams;
}

export class HttpClient {
  readonly settings: HttpSettings;
  /** By the authority they are for; one for all that have no certificates of their own. */
  readonly #contexts = new Map<string, SecureContext>();

  constructor(settings: HttpSettings) {
    this.settings = settings;
  }

  /**
   * One attempt, redirects followed (appc X5). Every status comes back but those that ask to try again.
   * @throws PodctlError `fetch-*`, `interrupted`
   */
  async get(url: URL, headers: Headers = {}): Promise<Reply> {
    return this.#requireWilling(await this.ask(url, headers));
  }

  /** The same, but every status comes back. @throws PodctlError `fetch-*`, `interrupted` */
  async ask(url: URL, headers: Headers = {}, { authorization: secret, form }: Asking = {}): Promise<Reply> {
    let at = url;
    let downgraded = false;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
      this.#requireAllowed(at, url);
      const own = secret === undefined || downgraded || at.origin !== url.origin ? {} : { authorization: secret };
      const reply = await this.#request(at, { ...headers, ...own }, downgraded, form?.toString());
      const next = redirection(reply);
      if (next === undefined) return reply;
      reply.close();
      if (form !== undefined) throw malformed(reply.url, 'it sends what was posted on to another place');
      downgraded ||= at.protocol === 'https:' && next.protocol !== 'https:';
      at = next;
    }
    throw new PodctlError('fetch-redirects', `${shownUrl(url)}: more than ${MAX_REDIRECTS} redirects`);
  }

  /**
   * Whether the server speaks http only, where it was to speak https. If it does not say so itself, a TLS handshake and nothing else
   * is made, with whoever it is: to read all authorities takes as long as many a request.
   * @throws PodctlError `fetch-*`, `interrupted`: of the handshake, too, if the server does not speak TLS
   */
  async speaksPlainly(url: URL): Promise<boolean> {
    const route = this.#route(url);
    // What goes through a proxy goes another way encrypted than plain.
    if (route.proxy === undefined && (await answersPlainly(url, route))) return true;
    // Some refuse whoever shows no certificate just as if they spoke no TLS.
    const isExpected = this.settings.certificates?.(url.host) !== undefined;
    const stranger = { ...route, context: withoutAuthorities, checkCertificates: false };
    const { socket } = await openConnection(url, isExpected ? route : stranger);
    socket.destroy();
    return false;
  }

  /** What `attempt` does, tried again if that may help. */
  patiently<T>(url: URL, attempt: () => Promise<T>): Promise<T> {
    const patience = new Patience(this.settings);
    const tryOnce = (): Promise<T> =>
      attempt().catch(async (error: unknown) => {
        await patience.after(error, url);
        return tryOnce();
      });
    return tryOnce();
  }

  /**
   * A document of at most `limit` bytes; what is longer is cut off there, and the rest not read.
   * @throws PodctlError `fetch-*`, `interrupted`
   */
  document(url: URL, limit: number): Promise<Document> {
    return this.patiently(url, async () => {
      const reply = await this.get(url);
      const { status, headers } = reply;
      const facts = { url: reply.url, status, retryAfterMs: retryAfter(headers['retry-after'], Date.now()) };
      if (status !== 200) {
        reply.close();
        return { ...facts, bytes: Buffer.alloc(0), cut: false };
      }
      requirePlain(reply);
      return { ...facts, ...(await this.head(reply, limit)) };
    });
  }

  /** The beginning of a body, of at most `limit` bytes. @throws PodctlError `fetch-*`, `interrupted` */
  async head(reply: Reply, limit: number): Promise<{ bytes: Buffer; cut: boolean }> {
    const { documentMs } = this.settings.timeouts ?? TIMEOUTS;
    const end = Date.now() + documentMs;
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of reply.body()) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > limit) return { bytes: Buffer.concat(chunks).subarray(0, limit), cut: true };
      if (Date.now() > end) throw timedOut(reply.url, 'no whole document', documentMs);
    }
    return { bytes: Buffer.concat(chunks), cut: false };
  }

  #request(url: URL, headers: Headers, downgraded: boolean, form: string | undefined): Promise<Reply> {
    const { credentials, timeouts = TIMEOUTS } = this.settings;
    // Each host gets its own credentials, and none those of the host that sent us there.
    const own = downgraded ? undefined : credentials(authorityOf(url));
    const secrets = own === undefined ? {} : authorization(url, headers['range'], own, Date.now());
    const plain = { 'user-agent': 'podctl', accept: '*/*', 'accept-encoding': 'identity' };
    return exchange(url, { ...plain, ...secrets, ...headers }, this.#route(url), timeouts, form);
  }

  #route(url: URL): Route {
    const { env, dial, insecure, signal, timeouts = TIMEOUTS } = this.settings;
    return {
      proxy: proxyFor(url, env),
      dial,
      context: () => this.#secureContext(url.host),
      checkCertificates: !insecure.tls,
      timeoutMs: timeouts.connectMs,
      signal,
    };
  }

  #secureContext(authority: string): SecureContext {
    const known = this.#contexts.get(authority);
    if (known !== undefined) return known;
    const { env, certificates } = this.settings;
    const own = certificates?.(authority);
    const context = own === undefined ? (this.#contexts.get('') ?? secureContext(env)) : secureContext(env, own);
    this.#contexts.set(authority, context);
    if (own === undefined) this.#contexts.set('', context);
    return context;
  }

  #requireAllowed(url: URL, asked: URL): void {
    if (url.protocol === 'https:' || (url.protocol === 'http:' && this.settings.insecure.http)) return;
    const what = url === asked ? shownUrl(url) : `${shownUrl(asked)} redirects to ${shownUrl(url)}, which`;
    if (url.protocol !== 'http:') throw new PodctlError('fetch-insecure', `${what} is neither https nor http`);
    throw new PodctlError('fetch-insecure', `${what} is not encrypted`, {
      hint: '--insecure-options=http allows it: whoever is on the way then sees and can change what is sent',
    });
  }

  #requireWilling(reply: Reply): Reply {
    const { status, url, headers } = reply;
    if (!isUnwilling(status)) return reply;
    reply.close();
    const failure = refusedStatus(url, status);
    throw new PodctlError('fetch-status', failure.message, {
      cause: new Unwilling(status, retryAfter(headers['retry-after'], Date.now())),
    });
  }
}

/** Where a reply leads, if it leads elsewhere. 304 is an answer. */
function redirection({ status, headers, url }: Reply): URL | undefined {
  const { location } = headers;
  if (status < 300 || status > 399 || status === 304 || location === undefined) return undefined;
  if (!URL.canParse(location, url.href)) throw malformed(url, 'it redirects to what is not a URL');
  const target = new URL(location, url);
  target.username = '';
  target.password = '';
  target.hash = '';
  return target;
}

/** Nothing was asked for compressed; what comes so is a mistake, or a bomb. @throws PodctlError `fetch-response-invalid` */
export function requirePlain(reply: Reply): void {
  const encoding = reply.headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() === 'identity') return;
  reply.close();
  throw malformed(reply.url, `the content is encoded (${encoding.slice(0, 40)}), which was not asked for`);
}
