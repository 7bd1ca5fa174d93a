/** One connection to the server of a URL: directly or through a proxy, encrypted where the URL says so. */
import { request } from 'node:http';
import { connect, isIP, type Socket } from 'node:net';
import { type SecureContext, connect as secure } from 'node:tls';
import { PodctlError } from '#kernel/errors';
import { failureOf, shownUrl, timedOut } from './failure';
import { type Dial, MAX_HEADER_BYTES } from './settings';

export interface Route {
  readonly proxy: URL | undefined;
  readonly dial: Dial | undefined;
  readonly context: () => SecureContext;
  readonly checkCertificates: boolean;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

const portOf = ({ port, protocol }: URL): number => Number(port || (protocol === 'https:' ? 443 : 80));
const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, '');

/** Ready for the request. @throws PodctlError `fetch-*`, `interrupted` */
export function openConnection(url: URL, route: Route): Promise<Socket> {
  const open: Socket[] = [];
  return new Promise<Socket>((resolve, reject) => {
    const end = (error: PodctlError): void => {
      settle();
      for (const socket of open) socket.destroy();
      reject(error);
    };
    const interrupted = (): void => end(new PodctlError('interrupted', `${shownUrl(url)}: interrupted`));
    const timer = setTimeout(() => end(timedOut(url, 'no connection', route.timeoutMs)), route.timeoutMs);
    const settle = (): void => {
      clearTimeout(timer);
      route.signal?.removeEventListener('abort', interrupted);
    };
    route.signal?.addEventListener('abort', interrupted);
    establish(url, route, open).then(
      (socket) => {
        settle();
        resolve(socket);
      },
      (error: unknown) => end(failureOf(error, url)),
    );
  });
}

/** @param open collects every socket on the way, for whoever has to give up */
async function establish(url: URL, route: Route, open: Socket[]): Promise<Socket> {
  const { proxy } = route;
  const plain = await dialled(proxy ?? url, route, open);
  if (proxy === undefined) return url.protocol === 'https:' ? encrypted(plain, url, route, open) : plain;
  const toProxy = proxy.protocol === 'https:' ? await encrypted(plain, proxy, route, open) : plain;
  if (url.protocol !== 'https:') return toProxy;
  return encrypted(await tunnel(toProxy, proxy, url, open), url, route, open);
}

function dialled(target: URL, { dial }: Route, open: Socket[]): Promise<Socket> {
  const [host, port] = [hostOf(target), portOf(target)];
  const socket = dial === undefined ? connect({ host, port, noDelay: true }) : dial(host, port);
  return ready(socket, 'connect', open);
}

function encrypted(socket: Socket, target: URL, route: Route, open: Socket[]): Promise<Socket> {
  const host = hostOf(target);
  const name = isIP(host) === 0 ? { servername: host } : {};
  const options = {
    socket,
    host,
    ...name,
    secureContext: route.context(),
    rejectUnauthorized: route.checkCertificates,
  };
  return ready(secure(options), 'secureConnect', open);
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
