/** One connection to the server of a URL: directly or through a proxy, encrypted where the URL says so. */
import { request } from 'node:http';
import { connect, isIP, type Socket } from 'node:net';
import type { ConnectionOptions, SecureContext, TLSSocket } from 'node:tls';
import { PodctlError } from '#kernel/errors';
import { failureOf, interruption, shownUrl, timedOut } from './failure';
import { Intake } from './intake';
import { type Dial, MAX_HEADER_BYTES, type Place } from './settings';

/** Ready for the request. */
export interface Connection {
  readonly socket: Socket;
  /** What it is read by, where nothing is between it and the server. */
  readonly intake: Intake | undefined;
}

export interface Route {
  readonly proxy: URL | undefined;
  readonly dial: Dial | undefined;
  readonly context: () => SecureContext;
  readonly checkCertificates: boolean;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Loaded when the first server wants it. */
const secure = (options: ConnectionOptions): TLSSocket => process.getBuiltinModule('node:tls').connect(options);

const portOf = ({ port, protocol }: URL): number => Number(port || (protocol === 'https:' ? 443 : 80));
const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, '');

/** @throws PodctlError `fetch-*`, `interrupted` */
export function openConnection(url: URL, route: Route): Promise<Connection> {
  const open: Socket[] = [];
  return new Promise((resolve, reject) => {
    const end = (error: PodctlError): void => {
      settle();
      for (const socket of open) socket.destroy();
      reject(error);
    };
    const interrupted = (): void => end(interruption(url));
    const timer = setTimeout(() => end(timedOut(url, 'no connection', route.timeoutMs)), route.timeoutMs);
    const settle = (): void => {
      clearTimeout(timer);
      route.signal?.removeEventListener('abort', interrupted);
    };
    route.signal?.addEventListener('abort', interrupted);
    establish(url, route, open).then(
      (connection) => {
        settle();
        resolve(connection);
      },
      (error: unknown) => end(failureOf(error, url)),
    );
  });
}

/** @param open collects every socket on the way, for whoever has to give up */
async function establish(url: URL, route: Route, open: Socket[]): Promise<Connection> {
  const { proxy } = route;
  if (proxy !== undefined) return { socket: await throughProxy(url, proxy, route, open), intake: undefined };
  const intake = new Intake();
  const place = { ...placeOf(url, route), onread: intake.onread };
  const [socket, event] =
    url.protocol === 'https:'
      ? [secure({ ...place, ...tlsOptions(url, route) }), 'secureConnect']
      : [connect(place), 'connect'];
  intake.attach(socket);
  return { socket: await ready(socket, event, open), intake };
}

async function throughProxy(url: URL, proxy: URL, route: Route, open: Socket[]): Promise<Socket> {
  const plain = await ready(connect(placeOf(proxy, route)), 'connect', open);
  const toProxy = proxy.protocol === 'https:' ? await encrypted(plain, proxy, route, open) : plain;
  if (url.protocol !== 'https:') return toProxy;
  return encrypted(await tunnel(toProxy, proxy, url, open), url, route, open);
}

function placeOf(target: URL, { dial }: Route): Place & { readonly noDelay: true } {
  const [host, port] = [hostOf(target), portOf(target)];
  return { ...(dial?.(host, port) ?? { host, port }), noDelay: true };
}

const encrypted = (socket: Socket, target: URL, route: Route, open: Socket[]): Promise<Socket> =>
  ready(secure({ socket, host: hostOf(target), ...tlsOptions(target, route) }), 'secureConnect', open);

function tlsOptions(target: URL, route: Route): ConnectionOptions {
  const host = hostOf(target);
  const name = isIP(host) === 0 ? { servername: host } : {};
  return { ...name, secureContext: route.context(), rejectUnauthorized: route.checkCertificates };
}

/** Its errors are everybody's from now on; without a listener one of them would end the process. */
function ready(socket: Socket, event: string, open: Socket[]): Promise<Socket> {
  open.push(socket);
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.once('close', () => reject(Object.assign(new Error('closed'), { code: 'ECONNRESET' })));
    socket.once(event, () => resolve(socket));
  });
}

/** CONNECT (RFC 9110 §9.3.6). */
function tunnel(socket: Socket, proxy: URL, target: URL, open: Socket[]): Promise<Socket> {
  const authority = `${target.hostname}:${portOf(target)}`;
  return new Promise((resolve, reject) => {
    const asking = request({
      method: 'CONNECT',
      path: authority,
      headers: { host: authority, ...proxyAuthorization(proxy) },
      createConnection: () => socket,
      maxHeaderSize: MAX_HEADER_BYTES,
    });
    asking.on('connect', ({ statusCode }, through, head) => {
      open.push(through);
      if (statusCode === 200 && head.length === 0) resolve(through);
      else {
        const answer = `the proxy ${shownUrl(proxy)} answered with status ${statusCode}`;
        reject(new PodctlError('fetch-unreachable', `${shownUrl(target)}: ${answer}`));
      }
    });
    asking.on('error', reject);
    asking.end();
  });
}

/** User and password of the proxy's URL. */
export function proxyAuthorization({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
}
