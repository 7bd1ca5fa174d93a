import assert from 'node:assert/strict';
import http from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { HttpClient } from '../../../../stage0/image/fetch/http/client';
import { proxyFor } from '../../../../stage0/image/fetch/http/proxy';
import type { HttpSettings } from '../../../../stage0/image/fetch/http/settings';
import { rejectsCode } from '../../../fixtures/expect';
import { content, Web } from '../../../fixtures/web';

describe('proxies of the environment', () => {
  const cases: readonly (readonly [Record<string, string>, string, string | undefined])[] = [
    [{ https_proxy: 'http://p:1' }, 'https://a/', 'http://p:1/'],
    [{ HTTPS_PROXY: 'p:1' }, 'https://a/', 'http://p:1/'],
    [{ https_proxy: 'p:1', HTTPS_PROXY: 'q:1' }, 'https://a/', 'http://p:1/'],
    [{ http_proxy: 'p:1' }, 'https://a/', undefined],
    [{ http_proxy: 'p:1' }, 'http://a/', 'http://p:1/'],
    [{ HTTP_PROXY: 'p:1', REQUEST_METHOD: 'GET' }, 'http://a/', undefined],
    [{ all_proxy: 'p:1' }, 'https://a/', 'http://p:1/'],
    [{ https_proxy: 'p:1' }, 'https://localhost/', undefined],
    [{ https_proxy: 'p:1' }, 'https://127.0.0.9/', undefined],
    [{ https_proxy: 'p:1' }, 'https://[::1]/', undefined],
    [{ https_proxy: 'p:1', no_proxy: '*' }, 'https://a/', undefined],
    [{ https_proxy: 'p:1', no_proxy: 'a.b' }, 'https://x.a.b/', undefined],
    [{ https_proxy: 'p:1', no_proxy: 'a.b' }, 'https://xa.b/', 'http://p:1/'],
    [{ https_proxy: 'p:1', no_proxy: 'a.b:8443' }, 'https://a.b/', 'http://p:1/'],
    [{ https_proxy: 'p:1', no_proxy: 'a.b:443' }, 'https://a.b/', undefined],
    [{ https_proxy: 'p:1', no_proxy: '10.0.0.0/8' }, 'https://10.2.3.4/', undefined],
    [{ https_proxy: 'p:1', no_proxy: '10.0.0.0/8' }, 'https://11.2.3.4/', 'http://p:1/'],
    [{ https_proxy: 'p:1', no_proxy: 'fd00::/8' }, 'https://[fd00::1]/', undefined],
    [{ https_proxy: '' }, 'https://a/', undefined],
  ];
  for (const [env, url, wanted] of cases) {
    it(`${JSON.stringify(env)} ${url}`, () => assert.equal(proxyFor(new URL(url), env)?.href, wanted));
  }
});

describe('requests through a proxy', () => {
  let web: Web;
  const closing: (() => void)[] = [];
  beforeEach(async () => {
    web = await Web.open();
  });
  afterEach(async () => {
    for (const close of closing.splice(0)) close();
    await web.close();
  });

  const read = async (url: string, settings: Partial<HttpSettings> = {}): Promise<string> => {
    const { status, bytes } = await new HttpClient(web.settings(settings)).document(new URL(url), 1024);
    return `${status} ${bytes}`;
  };
  /** A proxy that leads everything to the test's servers. */
  const proxy = async (status = 200): Promise<{ url: string; asked: string[] }> => {
    const asked: string[] = [];
    const server = http.createServer((request, response) => {
      asked.push(`${request.method} ${request.url} ${request.headers['proxy-authorization'] ?? ''}`);
      response.end('by proxy');
    });
    server.on('connect', (request, socket) => {
      asked.push(`CONNECT ${request.url} ${request.headers['proxy-authorization'] ?? ''}`);
      if (status !== 200) return void socket.end(`HTTP/1.1 ${status} No\r\n\r\n`);
      const through = connect(web.ports.https, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        socket.pipe(through).pipe(socket);
      });
      for (const one of [socket, through]) one.on('error', () => undefined); // ignored: they end together
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(() => {
      server.close();
      server.closeAllConnections();
    });
    return { url: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
  };
  /** Names resolve only at the proxy. */
  const direct: Partial<HttpSettings> = { dial: (host, port) => ({ host, port }) };

  it('https by CONNECT, with its user and password, which the server does not see', async () => {
    const { url, asked } = await proxy();
    web.on('example.com/x', content('here'));
    const env = { ...web.settings().env, https_proxy: `http://user:pw@${url}` };
    assert.equal(await read('https://example.com/x', { ...direct, env }), '200 here');
    assert.deepEqual(asked, [`CONNECT example.com:443 Basic ${Buffer.from('user:pw').toString('base64')}`]);
    assert.equal(web.asked[0]?.headers['proxy-authorization'], undefined);
  });
  it('http by its whole URL', async () => {
    const { url, asked } = await proxy();
    const insecure = { http: true, tls: false };
    assert.equal(
      await read('http://example.com/x?y', { ...direct, insecure, env: { HTTP_PROXY: url } }),
      '200 by proxy',
    );
    assert.deepEqual(asked, ['GET http://example.com/x?y ']);
  });
  it('but not what no_proxy names', async () => {
    web.on('www.example.com/x', content('here'));
    const env = { ...web.settings().env, HTTPS_PROXY: '127.0.0.1:1', NO_PROXY: 'example.org, .example.com' };
    assert.equal(await read('https://www.example.com/x', { env }), '200 here');
  });
  it('one that refuses', async () => {
    const { url } = await proxy(403);
    const env = { ...web.settings().env, https_proxy: url };
    await rejectsCode('fetch-unreachable', read('https://example.com/x', { ...direct, env }), /proxy.*403/);
  });
  it('that is none', () =>
    rejectsCode('config-invalid', read('https://example.com/x', { env: { https_proxy: 'socks5://h:1' } })));
});
