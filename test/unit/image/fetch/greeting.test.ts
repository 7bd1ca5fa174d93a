import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import tls from 'node:tls';
import type { Route } from '../../../../stage0/image/fetch/http/connection';
import { answersPlainly, clientHello } from '../../../../stage0/image/fetch/http/greeting';
import { testCertificate } from '../../../fixtures/certificate';
import { rejectsCode } from '../../../fixtures/expect';

describe('greeting a server as by TLS', () => {
  let server: Server | undefined;
  afterEach(() => server?.close());

  async function urlOf(listening: Server): Promise<URL> {
    server = listening;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}/v2/`);
  }
  const answering = (answer: (socket: Socket) => void): Promise<URL> =>
    urlOf(net.createServer((socket) => answer(socket.on('error', () => undefined)))); // ignored: clients leave when they like
  const ask = (url: URL, signal?: AbortSignal): Promise<boolean> =>
    answersPlainly(url, {
      proxy: undefined,
      dial: undefined,
      context: () => assert.fail('it needs no TLS'),
      checkCertificates: true,
      timeoutMs: 15_000,
      signal,
    } satisfies Route);

  it('finds out that it speaks http', async () => {
    assert.equal(await ask(await urlOf(http.createServer())), true);
  });

  it('finds out so from the first words, in whatever pieces they come', async () => {
    const inDrops = await answering((socket) => {
      socket.setNoDelay();
      socket.once('data', async () => {
        for (const letter of 'HTTP/1.0 400') {
          socket.write(letter);
          await new Promise(setImmediate);
        }
      });
    });
    assert.equal(await ask(inDrops), true);
  });

  it('is understood by one that speaks TLS', async () => {
    const url = await urlOf(tls.createServer(testCertificate()));
    assert.equal(await ask(url), false);
    const socket = net.connect(Number(url.port), '127.0.0.1');
    socket.write(clientHello());
    const [answer] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    // That nothing suits both (handshake_failure, RFC 5246 §7.2.2), and not that it cannot be read (decode_error, 50).
    assert.deepEqual([answer[0], answer[6]], [0x15, 40]);
  });

  it('tells nothing of one that says something else, or goes without a word', async () => {
    assert.equal(await ask(await answering((socket) => socket.write('SSH-2.0-x\r\n'))), false);
    server?.close();
    assert.equal(await ask(await answering((socket) => socket.end('HTT'))), false);
    server?.close();
    assert.equal(await ask(await answering((socket) => socket.once('data', () => socket.resetAndDestroy()))), false);
  });

  it('can be interrupted, and says that there is no connection', async () => {
    const control = new AbortController();
    const silent = await answering((socket) => socket.once('data', () => control.abort()));
    await rejectsCode('interrupted', ask(silent, control.signal));
    await rejectsCode('interrupted', ask(silent, AbortSignal.abort()));
    server?.close();
    await rejectsCode('fetch-unreachable', ask(new URL('https://127.0.0.1:1/v2/')), /refused/);
  });
});
