/**
 * Does a server speak plain http where TLS was looked for? It is greeted as by TLS, and one that answers in the words of http
 * does not speak TLS. For that alone node:tls need not be loaded, which takes as long as the requests of a small image.
 */
import type { Socket } from 'node:net';
import { openConnection, type Route } from './connection';
import { interruption } from './failure';

/** Ends a line for a server that reads some before it answers. */
const LINE_ENDS = '\r\n\r\n';
const CIPHER_SUITES = [0x1301, 0xc02b, 0xc02f, 0x009c];
const HTTP = Buffer.from('HTTP/');
/** One that speaks http answers at once; the handshake has a patience of its own. */
const PATIENCE_MS = 5000;

/** Bytes with their number before them, in so many bytes, as TLS has it (RFC 8446 §3.4). */
const counted = (countBytes: number, ...parts: readonly Buffer[]): Buffer => {
  const content = Buffer.concat(parts);
  const count = Buffer.alloc(countBytes);
  count.writeUIntBE(content.length, 0, countBytes);
  return Buffer.concat([count, content]);
};

/** A ClientHello of TLS 1.2 (RFC 5246 §7.4.1.2) in its record. That no handshake follows, nobody minds. */
export function clientHello(): Buffer {
  const random = Buffer.from(LINE_ENDS.repeat(8));
  const suites = Buffer.concat(CIPHER_SUITES.map((suite) => Buffer.from([suite >> 8, suite & 0xff])));
  const noCompression = Buffer.from([0]);
  const hello = [Buffer.from([3, 3]), random, counted(1), counted(2, suites), counted(1, noCompression)];
  return Buffer.concat([Buffer.from([0x16, 3, 1]), counted(2, Buffer.from([1]), counted(3, ...hello))]);
}

/** @throws PodctlError `fetch-*` if there is no connection, `interrupted` */
export async function answersPlainly(url: URL, route: Route): Promise<boolean> {
  const plain = new URL(url);
  plain.protocol = 'http:';
  plain.port = url.port || '443';
  const { socket } = await openConnection(plain, route);
  try {
    return await beginsWithHttp(socket, url, route.signal);
  } finally {
    socket.destroy();
  }
}

function beginsWithHttp(socket: Socket, url: URL, signal: AbortSignal | undefined): Promise<boolean> {
  let answer = Buffer.alloc(0);
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', interrupted);
    };
    const settle = (isPlain: boolean): void => {
      end();
      resolve(isPlain);
    };
    const interrupted = (): void => {
      end();
      reject(interruption(url));
    };
    const timer = setTimeout(() => settle(false), PATIENCE_MS);
    if (signal?.aborted === true) return interrupted();
    signal?.addEventListener('abort', interrupted);
    socket.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length >= HTTP.length) settle(answer.subarray(0, HTTP.length).equals(HTTP));
    });
    socket.on('close', () => settle(false));
    socket.write(clientHello());
  });
}
