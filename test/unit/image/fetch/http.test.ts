import assert from 'node:assert/strict';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { HttpClient } from '../../../../stage0/image/fetch/http/client';
import type { HttpSettings } from '../../../../stage0/image/fetch/http/settings';
import { rejectsCode } from '../../../fixtures/expect';
import { content, redirect, Web } from '../../../fixtures/web';

const LIMIT = 1024 * 1024;

describe('the HTTP client', () => {
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
    const { status, bytes } = await new HttpClient(web.settings(settings)).document(new URL(url), LIMIT);
    return `${status} ${bytes}`;
  };
  const impatient = (name: 'headersMs' | 'idleMs' | 'documentMs' | 'connectMs') => ({
    timeouts: { connectMs: 15_000, headersMs: 15_000, idleMs: 15_000, documentMs: 15_000, [name]: 150 },
    retry: { attempts: 1, baseMs: 1, capMs: 1, longestRetryAfterMs: 1 },
  });

  /** A server that says just these bytes over plain TCP. */
  const raw = async (talk: (socket: Socket) => void): Promise<Partial<HttpSettings>> => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined); // ignored: the client leaves
      socket.once('data', () => talk(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    const { port } = server.address() as AddressInfo;
    return { insecure: { http: true, tls: false }, dial: () => ({ host: '127.0.0.1', port }) };
  };

  describe('verifies servers', () => {
    it('refuses one of an authority nobody knows', async () => {
      await rejectsCode(
        'fetch-tls',
        read('https://example.com/x', { env: { SSL_CERT_FILE: '/etc/ssl/certs/ca-certificates.crt' } }),
      );
      assert.equal(web.asked.length, 0);
    });
    it('refuses one of another name', () => rejectsCode('fetch-tls', read('https://example.net/x'), /example.net/));
    it('takes any with --insecure-options=tls', async () => {
      web.on('example.net/x', content('here'));
      assert.equal(await read('https://example.net/x', { env: {}, insecure: { http: false, tls: true } }), '200 here');
    });
    it('refuses plain http', () => rejectsCode('fetch-insecure', read('http://example.com/x')));
  });

  describe('X7 sends credentials', () => {
    const only =
      (host: string, credentials: ReturnType<HttpSettings['credentials']>): HttpSettings['credentials'] =>
      (authority) =>
        authority === host ? credentials : undefined;
    const sent = (): readonly (string | undefined)[] => web.asked.map(({ headers }) => headers.authorization);
    const basic = { type: 'basic', user: 'me', password: 'pass:word' } as const;

    it('basic', async () => {
      await read('https://example.com/x', { credentials: only('example.com', basic) });
      assert.deepEqual(sent(), [`Basic ${Buffer.from('me:pass:word').toString('base64')}`]);
    });
    it('oauth', async () => {
      await read('https://example.com/x', { credentials: only('example.com', { type: 'oauth', token: 'abc' }) });
      assert.deepEqual(sent(), ['Bearer abc']);
    });
    it('aws, for the region that the host names', async () => {
      const host = 'bucket.s3.eu-west-1.amazonaws.com';
      const credentials = { type: 'aws', accessKeyId: 'AKID', secretAccessKey: 's', region: undefined } as const;
      await read(`https://${host}/x`, { credentials: only(host, credentials) });
      assert.match(
        sent()[0] ?? '',
        /^AWS4-HMAC-SHA256 Credential=AKID\/\d{8}\/eu-west-1\/s3\/aws4_request,SignedHeaders=host;/,
      );
    });
    it('to no other host, port or subdomain', async () => {
      for (const url of ['https://www.example.com/x', 'https://example.com:8443/x', 'https://example.org/x']) {
        await read(url, { credentials: only('example.com', basic) });
      }
      assert.deepEqual(sent(), [undefined, undefined, undefined]);
    });
    it('never across a redirect to another host, and those of that host to it', async () => {
      web.on('example.com/x', redirect('https://example.org/y'));
      await read('https://example.com/x', { credentials: only('example.com', basic) });
      assert.deepEqual(sent(), [`Basic ${Buffer.from('me:pass:word').toString('base64')}`, undefined]);
    });
    it('again to the same host', async () => {
      web.on('example.com/x', redirect('/y'));
      await read('https://example.com/x', { credentials: only('example.com', basic) });
      assert.equal(sent()[1], sent()[0]);
    });
    it('none after a redirect from https to http, wherever that was allowed', async () => {
      web.on('https://example.com/x', redirect('http://example.com/y'));
      web.on('http://example.com/y', content('here'));
      const insecure = { http: true, tls: false };
      assert.equal(
        await read('https://example.com/x', { insecure, credentials: only('example.com', basic) }),
        '200 here',
      );
      assert.equal(sent()[1], undefined);
    });
    it('none that a redirect puts into the URL', async () => {
      web.on('example.com/x', redirect('https://evil:pw@example.com/y'));
      await read('https://example.com/x');
      assert.deepEqual(sent(), [undefined, undefined]);
    });
  });

  describe('refuses redirects', () => {
    it('from https to http', async () => {
      web.on('example.com/x', redirect('http://example.com/x'));
      await rejectsCode('fetch-insecure', read('https://example.com/x'));
      assert.equal(web.asked.length, 1);
    });
    for (const target of ['file:///etc/passwd', 'ftp://example.com/x', 'data:text/plain,x']) {
      it(`to ${target}`, async () => {
        web.on('example.com/x', redirect(target));
        await rejectsCode('fetch-insecure', read('https://example.com/x'));
      });
    }
    it('to what is not a URL', async () => {
      web.on('example.com/x', redirect('https://['));
      await rejectsCode('fetch-response-invalid', read('https://example.com/x'));
    });
  });

  describe('tries again', () => {
    const failing = (status: number, times: number, headers: Record<string, string> = {}) => {
      let left = times;
      web.on('example.com/x', (request, response) => {
        left -= 1;
        (left >= 0 ? content('', headers, status) : content('here'))(request, response);
      });
    };
    for (const status of [429, 500, 502, 503, 504]) {
      it(`after ${status}`, async () => {
        failing(status, 2);
        assert.equal(await read('https://example.com/x'), '200 here');
      });
    }
    it('as long as its patience lasts', async () => {
      failing(503, 9);
      await rejectsCode('fetch-status', read('https://example.com/x'), /503/);
      assert.equal(web.asked.length, 3);
    });
    it('not before Retry-After', async () => {
      failing(503, 1, { 'retry-after': '1' });
      const started = Date.now();
      assert.equal(await read('https://example.com/x'), '200 here');
      assert.ok(Date.now() - started >= 990);
    });
    it('not at all if Retry-After is beyond reason', async () => {
      failing(503, 1, { 'retry-after': '86400' });
      await rejectsCode('fetch-status', read('https://example.com/x'));
      assert.equal(web.asked.length, 1);
    });
    it('not after 404 or 501', async () => {
      failing(501, 1);
      assert.match(await read('https://example.com/x'), /^501/);
      assert.equal(web.asked.length, 1);
    });
    it('after a connection that broke', async () => {
      let broken = false;
      web.on('example.com/x', (request, response) => {
        if (broken) return content('here')(request, response);
        broken = true;
        response.writeHead(200, { 'content-length': '100' });
        response.write('half');
        response.socket?.destroySoon();
      });
      assert.equal(await read('https://example.com/x'), '200 here');
    });
  });

  describe('bounds hostile servers:', () => {
    it('one that never answers', async () => {
      web.on('example.com/x', () => undefined);
      await rejectsCode('fetch-timeout', read('https://example.com/x', impatient('headersMs')), /no answer/);
    });
    it('one that never finishes its header', async () => {
      const timer = { current: undefined as NodeJS.Timeout | undefined };
      const settings = await raw((socket) => {
        socket.write('HTTP/1.1 200 OK\r\n');
        timer.current = setInterval(() => socket.write('X'), 20);
      });
      await rejectsCode('fetch-timeout', read('http://example.com/x', { ...settings, ...impatient('headersMs') }));
      clearInterval(timer.current);
    });
    it('one that never finishes its body, byte by byte', async () => {
      let timer: NodeJS.Timeout | undefined;
      web.on('example.com/x', (_, response) => {
        response.writeHead(200);
        timer = setInterval(() => response.write('x'), 20);
      });
      await rejectsCode('fetch-timeout', read('https://example.com/x', impatient('idleMs')), /less than/);
      clearInterval(timer);
    });
    it('one that does not speak TLS', async () => {
      const settings = await raw(() => undefined);
      await rejectsCode(
        'fetch-timeout',
        read('https://example.com/x', { ...settings, ...impatient('connectMs') }),
        /no connection/,
      );
    });
    it('a header of a megabyte', async () => {
      web.on('example.com/x', content('', { 'x-long': 'x'.repeat(60_000) }));
      await rejectsCode('fetch-response-invalid', read('https://example.com/x'), /header is too large/);
    });
    it('what is not HTTP', async () => {
      const settings = await raw((socket) => socket.end('SSH-2.0-OpenSSH\r\n'));
      await rejectsCode('fetch-response-invalid', read('http://example.com/x', settings));
    });
    it('two lengths', async () => {
      const settings = await raw((socket) =>
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'),
      );
      await rejectsCode('fetch-response-invalid', read('http://example.com/x', settings));
    });
    it('less than the length it told', async () => {
      const settings = await raw((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab'));
      await rejectsCode('fetch-unreachable', read('http://example.com/x', settings), /broken off/);
    });
    it('more than the length it told', async () => {
      const settings = await raw((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabcdef'));
      assert.equal(await read('http://example.com/x', settings), '200 ab');
    });
    it('a body that is compressed though that was not asked for', async () => {
      web.on('example.com/x', content('', { 'content-encoding': 'gzip' }));
      await rejectsCode('fetch-response-invalid', read('https://example.com/x'), /encoded/);
      assert.equal(web.asked[0]?.headers['accept-encoding'], 'identity');
    });
    it('a document without an end', async () => {
      web.on('example.com/x', content(Buffer.alloc(3 * LIMIT, 'x')));
      assert.equal((await read('https://example.com/x')).length, LIMIT + '200 '.length);
    });
  });

  it('ends at once when it is interrupted', async () => {
    const end = new AbortController();
    web.on('example.com/x', () => end.abort());
    await rejectsCode('interrupted', read('https://example.com/x', { signal: end.signal }));
  });

  it('says nothing of what a query holds', async () => {
    web.on('example.com/x', content('', {}, 503));
    const error = await read('https://example.com/x?secret=abc').catch((thrown: Error) => thrown.message);
    assert.doesNotMatch(error, /abc/);
  });
});
