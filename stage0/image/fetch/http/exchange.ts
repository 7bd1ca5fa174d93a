/** One request and its response: the header is there when it resolves, the body comes as it is read. */
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { openConnection, proxyAuthorization, type Route } from './connection';
import { failureOf, interruption, malformed, timedOut } from './failure';
import type { Intake } from './intake';
import { MAX_HEADER_BYTES, MIN_BYTES, type Timeouts } from './settings';

export interface Reply {
  /** Where it came from, behind all redirects. */
  readonly url: URL;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The bytes as they come, once. @throws PodctlError `fetch-*`, `interrupted` while it is read */
  body(): AsyncGenerator<Buffer>;
  /** The same in larger pieces: each stays as it is only until the next one is asked for. */
  pieces(): AsyncGenerator<Buffer>;
  /** Drops the rest and the connection. */
  close(): void;
}

/**
 * @param form posted (RFC 9110 §9.3.3) as application/x-www-form-urlencoded; undefined: a GET
 * @throws PodctlError `fetch-*`, `interrupted`
 */
export async function exchange(
  url: URL,
  headers: Readonly<Record<string, string>>,
  route: Route,
  timeouts: Timeouts,
  form?: string,
): Promise<Reply> {
  const { socket, intake } = await openConnection(url, route);
  const message = await answer(socket, url, headers, route, timeouts.headersMs, form);
  return {
    url,
    status: message.statusCode ?? 0,
    headers: message.headers,
    body: () => read(message, message, socket, url, route.signal, timeouts.idleMs),
    pieces: () => read(piecesOf(message, intake), message, socket, url, route.signal, timeouts.idleMs),
    close: () => {
      message.destroy();
      socket.destroy();
    },
  };
}

function answer(
  socket: Socket,
  url: URL,
  headers: Readonly<Record<string, string>>,
  { proxy, signal }: Route,
  timeoutMs: number,
  form: string | undefined,
): Promise<IncomingMessage> {
  // A proxy of plain http gets the whole URL (RFC 9112 §3.2.2).
  const proxied = proxy !== undefined && url.protocol === 'http:';
  const path = `${proxied ? url.origin : ''}${url.pathname}${url.search}`;
  return new Promise((resolve, reject) => {
    const posted =
      form === undefined
        ? {}
        : { 'content-type': 'application/x-www-form-urlencoded', 'content-length': `${Buffer.byteLength(form)}` };
    const asking = request({
      method: form === undefined ? 'GET' : 'POST',
      path,
      headers: { host: url.host, ...(proxied ? proxyAuthorization(proxy) : {}), ...posted, ...headers },
      createConnection: () => socket,
      maxHeaderSize: MAX_HEADER_BYTES,
    });
    const end = (error: unknown): void => {
      settle();
      socket.destroy();
      reject(failureOf(error, url));
    };
    const interrupted = (): void => end(interruption(url));
    const timer = setTimeout(() => end(timedOut(url, 'no answer', timeoutMs)), timeoutMs);
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', interrupted);
    };
    if (signal?.aborted === true) return interrupted();
    signal?.addEventListener('abort', interrupted);
    asking.on('response', (message) => {
      settle();
      resolve(message);
    });
    asking.on('error', end);
    asking.on('close', () => end(malformed(url, 'the connection was closed without an answer')));
    asking.end(form);
  });
}

/** A body whose length was not said has a form that node:http knows how to take apart. */
function piecesOf(message: IncomingMessage, intake: Intake | undefined): AsyncIterable<Buffer> {
  const { 'content-length': length = '', 'transfer-encoding': coding } = message.headers;
  if (intake === undefined || coding !== undefined || !/^\d{1,15}$/.test(length)) return message;
  return intake.body(message, Number(length));
}

async function* read(
  body: AsyncIterable<Buffer>,
  message: IncomingMessage,
  socket: Socket,
  url: URL,
  signal: AbortSignal | undefined,
  idleMs: number,
): AsyncGenerator<Buffer> {
  let fresh = 0;
  const interrupted = (): void => void message.destroy(interruption(url));
  const watch = setInterval(() => {
    if (fresh < MIN_BYTES) message.destroy(timedOut(url, `less than ${MIN_BYTES} bytes`, idleMs));
    fresh = 0;
  }, idleMs);
  signal?.addEventListener('abort', interrupted);
  try {
    if (signal?.aborted === true) throw interruption(url);
    for await (const chunk of body) {
      fresh += chunk.length;
      yield chunk;
    }
    if (body === message && !message.complete) throw Object.assign(new Error('cut short'), { code: 'ECONNRESET' });
  } catch (error) {
    throw failureOf(error, url);
  } finally {
    clearInterval(watch);
    signal?.removeEventListener('abort', interrupted);
    message.destroy();
    socket.destroy();
  }
}
