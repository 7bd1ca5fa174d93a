import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { HttpClient } from '../../../../stage0/image/fetch/http/client';
import type { Reply } from '../../../../stage0/image/fetch/http/exchange';
import type { HttpSettings } from '../../../../stage0/image/fetch/http/settings';
import { rejectsCode } from '../../../fixtures/expect';
import { content, Web } from '../../../fixtures/web';

const MIB = 1024 * 1024;

describe('the pieces of a body', () => {
  let web: Web;
  beforeEach(async () => {
    web = await Web.open();
  });
  afterEach(() => web.close());

  const get = (url: string, settings: Partial<HttpSettings> = {}): Promise<Reply> =>
    new HttpClient(web.settings({ insecure: { http: true, tls: false }, ...settings })).get(new URL(url));
  const sha256 = (...parts: readonly Buffer[]): string => {
    const hash = createHash('sha256');
    for (const part of parts) hash.update(part);
    return hash.digest('hex');
  };

  /** Hashes each piece once the reader has waited: it has to have stayed as it was. */
  async function digestOf(reply: Reply, wait: (piece: number) => Promise<unknown>): Promise<[number, string, number]> {
    const hash = createHash('sha256');
    let [size, pieces] = [0, 0];
    for await (const piece of reply.pieces()) {
      await wait(pieces);
      hash.update(piece);
      size += piece.length;
      pieces += 1;
    }
    return [size, hash.digest('hex'), pieces];
  }

  const WAYS = {
    'a reader that is always there': async () => undefined,
    'a reader that takes turns of the loop': () => turn(),
    'a reader that is slow now and then': (piece: number) => (piece % 3 === 0 ? sleep(5) : turn()),
    'a slow reader': () => sleep(2),
  };

  for (const scheme of ['http', 'https']) {
    for (const [reader, wait] of Object.entries(WAYS)) {
      it(`are its bytes, over ${scheme}, for ${reader}`, async () => {
        for (const size of [0, 1, 1000, 65_535, 256 * 1024, 352 * 1024 + 1, 5 * MIB + 7]) {
          const body = randomBytes(size);
          web.on(`${scheme}://example.com/${size}`, content(body, { 'content-length': `${size}` }));
          const [got, digest] = await digestOf(await get(`${scheme}://example.com/${size}`), wait);
          assert.deepEqual([got, digest], [size, sha256(body)]);
        }
      });
    }

    it(`are its bytes, over ${scheme}, if it comes in drops`, async () => {
      const body = randomBytes(300_000);
      web.on(`${scheme}://example.com/drops`, async (_, response) => {
        response.writeHead(200, { 'content-length': `${body.length}` });
        for (let at = 0; at < body.length; at += 9973) {
          response.write(body.subarray(at, at + 9973));
          if (at % 2 === 0) await turn();
        }
        response.end();
      });
      const [size, digest] = await digestOf(await get(`${scheme}://example.com/drops`), () => turn());
      assert.deepEqual([size, digest], [body.length, sha256(body)]);
    });

    it(`are its bytes, over ${scheme}, without a length`, async () => {
      const body = randomBytes(MIB);
      web.on(`${scheme}://example.com/chunked`, (_, response) => {
        response.writeHead(200);
        response.write(body.subarray(0, 1000));
        response.end(body.subarray(1000));
      });
      const [size, digest] = await digestOf(await get(`${scheme}://example.com/chunked`), () => turn());
      assert.deepEqual([size, digest], [body.length, sha256(body)]);
    });

    it(`end with an error, over ${scheme}, if the connection breaks off, and not before what had come`, async () => {
      const body = randomBytes(MIB);
      web.on(`${scheme}://example.com/half`, (_, response: ServerResponse) => {
        response.writeHead(200, { 'content-length': `${2 * MIB}` });
        response.write(body, () => response.socket?.end());
      });
      const reply = await get(`${scheme}://example.com/half`);
      const parts: Buffer[] = [];
      const reading = async (): Promise<void> => {
        for await (const piece of reply.pieces()) parts.push(Buffer.from(piece));
      };
      await rejectsCode('fetch-unreachable', reading(), /broken off/);
      assert.equal(sha256(...parts), sha256(body));
    });

    it(`end with an error, over ${scheme}, if the connection broke off before they were asked for`, async () => {
      let isClosed = false;
      web.on(`${scheme}://example.com/gone`, (_, response: ServerResponse) => {
        response.writeHead(200, { 'content-length': `${MIB}` });
        response.socket?.once('close', () => {
          isClosed = true;
        });
        response.write('x', () => response.socket?.destroySoon());
      });
      const reply = await get(`${scheme}://example.com/gone`);
      while (!isClosed) await turn();
      await sleep(20);
      await rejectsCode(
        'fetch-unreachable',
        digestOf(reply, async () => undefined),
      );
    });

    it(`end with an error, over ${scheme}, if nothing comes any more, or if they are not wanted`, async () => {
      web.on(`${scheme}://example.com/stuck`, (_, response: ServerResponse) => {
        response.writeHead(200, { 'content-length': `${MIB}` });
        response.write(randomBytes(1000));
      });
      const timeouts = { connectMs: 15_000, headersMs: 15_000, idleMs: 150, documentMs: 15_000 };
      const stuck = await get(`${scheme}://example.com/stuck`, { timeouts });
      await rejectsCode(
        'fetch-timeout',
        digestOf(stuck, async () => undefined),
      );
      const unwanted = new AbortController();
      const reply = await get(`${scheme}://example.com/stuck`, { signal: unwanted.signal });
      await rejectsCode(
        'interrupted',
        digestOf(reply, async () => unwanted.abort()),
      );
    });

    it(`end, over ${scheme}, with those that were said, whatever comes behind them`, async () => {
      const body = randomBytes(100_000);
      web.on(`${scheme}://example.com/more`, (_, response: ServerResponse) => {
        response.writeHead(200, { 'content-length': '100000' });
        response.write(body);
        response.socket?.write(randomBytes(70_000));
      });
      const [size, digest] = await digestOf(await get(`${scheme}://example.com/more`), () => turn());
      assert.deepEqual([size, digest], [body.length, sha256(body)]);
    });
  }

  it('are few for a large body over plain http', async () => {
    web.on('http://example.com/large', content(randomBytes(8 * MIB)));
    const [, , pieces] = await digestOf(await get('http://example.com/large'), () => sleep(1));
    assert.ok(pieces < 80, `${pieces} pieces`);
  });
});
