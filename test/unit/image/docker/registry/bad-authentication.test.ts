import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Descriptor } from '../../../../../stage0/image/docker/port';
import { rejectsCode } from '../../../../fixtures/expect';
import { sha256 } from '../../../../fixtures/oci-layout';
import { Puller, type PullOptions, readBlob, somebody } from '../../../../fixtures/pull';
import { scratchDirectory } from '../../../../fixtures/scratch';
import { type Answer, content, endless, redirect, Web } from '../../../../fixtures/web';

const REPOSITORY = 'registry.example.com/v2/app';

describe('registries that ask for what they should not have', () => {
  const scratch = scratchDirectory();
  let web: Web;
  const bytes = randomBytes(300_000);
  const layer: Descriptor = { mediaType: 'x', digest: sha256(bytes), size: bytes.length };
  const path = `${REPOSITORY}/blobs/${layer.digest}`;
  beforeEach(async () => {
    web = await Web.open();
  });
  afterEach(() => web.close());
  const open = (more: PullOptions = {}) =>
    new Puller(scratch()).open('docker://registry.example.com/app', {
      ...more,
      settings: { ...web.settings(), ...more.settings },
    });
  const document = (wanted?: string, more?: PullOptions) => open(more).document(wanted);
  const blob = (more?: PullOptions): Promise<Buffer> => readBlob(open(more), layer);

  describe('authentication', () => {
    const unauthorized = (challenge: string): Answer => content('{}', { 'www-authenticate': challenge }, 401);
    const me = { credentials: somebody('me', 'secret') };
    it('401 for ever: ends', async () => {
      web.on(`${REPOSITORY}/manifests/latest`, unauthorized('Bearer realm="https://auth.example.com/token"'));
      web.on('auth.example.com/token', content('{"token":"abc"}'));
      await rejectsCode('registry-denied', document(undefined, me));
      assert.ok(web.asked.length <= 6, `${web.asked.length} requests`);
    });
    it('401 for ever with another scope each time: ends', async () => {
      let asked = 0;
      web.on(`${REPOSITORY}/manifests/latest`, (...both) =>
        unauthorized(`Bearer realm="https://auth.example.com/token",scope="a:${asked++}:pull"`)(...both),
      );
      web.on('auth.example.com/token', (request, response) => content(`{"token":"t${asked}"}`)(request, response));
      await rejectsCode('registry-denied', document(undefined, me));
      assert.ok(web.asked.length <= 6, `${web.asked.length} requests`);
    });
    for (const [what, challenge, code] of [
      ['none', undefined, 'registry-denied'],
      ['an unknown one', 'Negotiate', 'registry-denied'],
      ['one without a realm', 'Bearer service=x', 'registry-denied'],
      ['a realm that is a file', 'Bearer realm="file:///etc/passwd"', 'registry-denied'],
      ['a realm without encryption', 'Bearer realm="http://auth.example.com/token"', 'fetch-insecure'],
      ['a realm with a password', 'Bearer realm="https://a:b@auth.example.com/token"', 'registry-denied'],
      ['nonsense', '"\\,=;;', 'registry-denied'],
    ] as const) {
      it(`a challenge that is ${what}`, async () => {
        web.on(
          `${REPOSITORY}/manifests/latest`,
          challenge === undefined ? content('', {}, 401) : unauthorized(challenge),
        );
        await rejectsCode(code, document(undefined, { ...me, settings: { insecure: { http: true, tls: false } } }));
        assert.equal(web.asked.length, 1);
      });
    }
    for (const [what, answer] of [
      ['not JSON', content('<html>')],
      ['no object', content('null')],
      ['without a token', content('{"expires_in":60}')],
      ['with a token that ends the header', content(JSON.stringify({ token: 'a\r\nx: y' }))],
      ['with a token too large for a header', content(JSON.stringify({ token: 'a'.repeat(40_000) }))],
      ['endless', endless()],
    ] as readonly (readonly [string, Answer])[]) {
      it(`a token answer ${what}`, async () => {
        web.on(`${REPOSITORY}/manifests/latest`, unauthorized('Bearer realm="https://auth.example.com/token"'));
        web.on('auth.example.com/token', answer);
        await rejectsCode('fetch-response-invalid', document(undefined, me));
      });
    }
  });

  it('a token that is over in the middle of a blob: the rest comes with a new one', async () => {
    let tokens = 0;
    let isBroken = false;
    web.on('auth.example.com/token', (...both) => {
      tokens += 1;
      content(`{"token":"t${tokens}"}`)(...both);
    });
    const challenge = {
      'www-authenticate': 'Bearer realm="https://auth.example.com/token",scope="repository:app:pull"',
    };
    web.on(path, (request, response) => {
      const good = isBroken ? 't2' : 't1';
      if (request.headers.authorization !== `Bearer ${good}`) return content('{}', challenge, 401)(request, response);
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
      if (!isBroken) {
        isBroken = true;
        response.writeHead(200, { 'content-length': bytes.length });
        return void response.write(bytes.subarray(0, 200_000), () => response.socket?.destroySoon());
      }
      const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
      response.writeHead(206, { 'content-range': range }).end(bytes.subarray(from));
    });
    assert.deepEqual(await blob({ credentials: somebody('me', 'secret') }), bytes);
    assert.equal(tokens, 2);
    assert.match(web.asked.at(-1)?.headers.range ?? '', /^bytes=[1-9]\d*-$/);
  });

  describe('redirects', () => {
    const me = { credentials: somebody('me', 'secret') };
    const toStore =
      (location: string): Answer =>
      (request, response) => {
        if (request.headers.authorization === undefined)
          content('', { 'www-authenticate': 'Basic realm=x' }, 401)(request, response);
        else redirect(location, 307)(request, response);
      };
    it('to a blob store: it sees no credentials', async () => {
      web.on(path, toStore('https://store.example.com/data?signature=x'));
      web.on('store.example.com/data', content(bytes));
      assert.deepEqual(await blob(me), bytes);
      const [, , store] = web.asked;
      assert.equal(store?.url, 'https://store.example.com/data?signature=x');
      assert.equal(store?.headers.authorization, undefined);
    });
    it('to another port of the same host: that is another place', async () => {
      web.on(path, toStore(`https://registry.example.com:8443/data`));
      web.on('registry.example.com:8443/data', content(bytes));
      await blob(me);
      assert.equal(web.asked[2]?.headers.authorization, undefined);
    });
    it('to a host that asks for credentials: it gets none', async () => {
      web.on(path, redirect('https://store.example.com/data'));
      web.on('store.example.com/data', content('', { 'www-authenticate': 'Basic realm=x' }, 401));
      await rejectsCode('registry-denied', blob(me));
      assert.ok(web.asked.every(({ headers }) => headers.authorization === undefined));
    });
    it('in a circle', async () => {
      web.on(path, redirect(`https://${path}`));
      await rejectsCode('fetch-redirects', blob());
    });
    it('to plain http', async () => {
      web.on(path, redirect('http://store.example.com/data'));
      await rejectsCode('fetch-insecure', blob());
    });
    it('to another scheme', async () => {
      web.on(path, redirect('file:///etc/passwd'));
      await rejectsCode('fetch-insecure', blob({ settings: { insecure: { http: true, tls: false } } }));
    });
  });
});
