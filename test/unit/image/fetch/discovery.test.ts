import assert from 'node:assert/strict';
import { discoverKeys } from '../../../../stage0/image/fetch/discovery/keys';
import { discoverTags } from '../../../../stage0/image/fetch/discovery/pages';
import { HttpClient } from '../../../../stage0/image/fetch/http/client';
import type { Dial, HttpSettings } from '../../../../stage0/image/fetch/http/settings';
import { rejectsCode } from '../../../fixtures/expect';
import { content, page, redirect, Web } from '../../../fixtures/web';

/** tcpmux, which nobody runs. */
const CLOSED_PORT = 1;

describe('discovery', () => {
  let web: Web;
  beforeEach(async () => {
    web = await Web.open();
  });
  afterEach(() => web.close());

  const tags = async (name: string, settings: Partial<HttpSettings> = {}): Promise<readonly string[]> => {
    const found = await discoverTags(new HttpClient(web.settings(settings)), name, 'ac-discovery');
    return found.map(({ value }) => value);
  };

  it('X1 asks https://NAME?ac-discovery=1', async () => {
    web.on('example.com/a', page('example.com https://h/{name}.{ext}'));
    assert.deepEqual(await tags('example.com/a'), ['https://h/{name}.{ext}']);
    assert.deepEqual(web.urls, ['example.com/a?ac-discovery=1']);
  });

  it('X2 takes only tags whose prefix covers the name, by whole components, in their order', async () => {
    web.on(
      'example.com/app',
      page('example.com/ap no', 'example.com/app 1', 'example.org no', 'example.com 2', 'example.com/app/x no'),
    );
    assert.deepEqual(await tags('example.com/app'), ['1', '2']);
  });

  it('X4 goes up to the host on 4xx, on pages without a tag, and on pages without one for the name', async () => {
    web.on('example.com/a/b/c', content('', {}, 404));
    web.on('example.com/a/b', content('<p>nothing</p>'));
    web.on('example.com/a', page('example.org https://elsewhere'));
    web.on('example.com', page('example.com here'));
    assert.deepEqual(await tags('example.com/a/b/c'), ['here']);
    assert.deepEqual(
      web.urls.map((url) => url.replace(/\/?\?.*/, '')),
      ['example.com/a/b/c', 'example.com/a/b', 'example.com/a', 'example.com'],
    );
  });

  it('X4 ends at the host, and says what every page was', () =>
    rejectsCode('discovery-failed', tags('example.com/a'), /example.com\/a: status 404; example.com: status 404/));

  it('X4 a server that fails is not passed over', async () => {
    web.on('example.com/a', content('', {}, 500));
    web.on('example.com', page('example.com here'));
    await rejectsCode('fetch-status', tags('example.com/a'), /500/);
    assert.equal(web.asked.length, 3);
    web.on('example.com/a', content('', {}, 501));
    await rejectsCode('fetch-status', tags('example.com/a'), /501/);
  });

  for (const status of [301, 302, 303, 307, 308]) {
    it(`X5 follows ${status}`, async () => {
      web.on('example.com/a', redirect('https://www.example.com/elsewhere', status));
      web.on('www.example.com/elsewhere', page('example.com here'));
      assert.deepEqual(await tags('example.com/a'), ['here']);
    });
  }

  it('X5 ends a loop', async () => {
    web.on('example.com/a', redirect('/a'));
    await rejectsCode('fetch-redirects', tags('example.com/a'));
    assert.equal(web.asked.length, 11);
  });

  it('uses plain http only if that was allowed', async () => {
    web.on('http://example.com/a', page('example.com here'));
    const dial: Dial = (_, port) => ({ host: '127.0.0.1', port: port === 80 ? web.ports.http : CLOSED_PORT });
    await rejectsCode('fetch-unreachable', tags('example.com/a', { dial }), /refused/);
    assert.deepEqual(await tags('example.com/a', { dial, insecure: { http: true, tls: false } }), ['here']);
    web.on('https://example.com/a', redirect('http://example.com/a'));
    await rejectsCode('fetch-insecure', tags('example.com/a'), /redirects to http:\/\/example.com\/a/);
    assert.deepEqual(await tags('example.com/a', { insecure: { http: true, tls: false } }), ['here']);
  });

  it('reads of an endless page no more than its beginning', async () => {
    let sent = 0;
    web.on('example.com/a', (_, response) => {
      response.writeHead(200);
      response.write('<head><meta name="ac-discovery" content="example.com here">');
      const more = (): void => {
        while (!response.destroyed && sent < 100 * 1024 * 1024 && response.write('<!-- -->'.repeat(8192)))
          sent += 65_536;
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });
    assert.deepEqual(await tags('example.com/a'), ['here']);
    assert.ok(sent < 20 * 1024 * 1024, `${sent} bytes were sent`);
  });

  it('a name whose first component is no host', () => rejectsCode('discovery-failed', tags('~/a'), /host/));

  describe('of keys', () => {
    const keys = async (prefix: string): Promise<readonly string[]> =>
      (await discoverKeys(new HttpClient(web.settings()), prefix)).map(({ origin, bytes }) => `${origin} ${bytes}`);
    const keyPage = (...tags: readonly string[]) =>
      content(tags.map((tag) => `<meta name="ac-discovery-pubkeys" content="${tag}">`).join(''));

    it('fetches every one that is named for the prefix, once', async () => {
      web.on(
        'example.com',
        keyPage(
          'example.com https://example.com/k1',
          'example.com https://example.com/k2',
          'example.com https://example.com/k1',
          'example.org https://x/y',
        ),
      );
      web.on('example.com/k1', content('one'));
      web.on('example.com/k2', content('two'));
      assert.deepEqual(await keys('example.com/app'), ['https://example.com/k1 one', 'https://example.com/k2 two']);
    });
    it('refuses plain http', async () => {
      web.on('example.com', keyPage('example.com http://example.com/k1'));
      await rejectsCode('fetch-insecure', keys('example.com'));
    });
    it('refuses what is too large for a key', async () => {
      web.on('example.com', keyPage('example.com https://example.com/k1'));
      web.on('example.com/k1', content(Buffer.alloc(2 * 1024 * 1024)));
      await rejectsCode('key-invalid', keys('example.com'), /larger/);
    });
    it('fails as a whole if one is missing', async () => {
      web.on('example.com', keyPage('example.com https://example.com/k1'));
      await rejectsCode('fetch-status', keys('example.com'), /404/);
    });
  });
});
