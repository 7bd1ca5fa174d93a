import assert from 'node:assert/strict';
import fs from 'node:fs';
import { DirectoryStore } from '../../../../stage0/store/cas-dir';
import { imageIdOf } from '../../../fixtures/aci';
import { rejectsCode } from '../../../fixtures/expect';
import { file, IMAGE_URL, Remote, remoteImage } from '../../../fixtures/remote';
import { scratchDirectory } from '../../../fixtures/scratch';
import { content, Web } from '../../../fixtures/web';

describe('fetching an image from a URL', () => {
  const scratch = scratchDirectory();
  let web: Web;
  let remote: Remote;
  beforeEach(async () => {
    web = await Web.open();
    remote = new Remote(web, scratch());
  });
  afterEach(() => web.close());

  it('stores it, and leaves nothing else', async () => {
    web.on(IMAGE_URL, file(remoteImage()));
    const { id, source } = await remote.fetch();
    assert.deepEqual([id, source], [imageIdOf(remoteImage()), IMAGE_URL]);
    assert.deepEqual(remote.downloads, []);
    assert.deepEqual(fs.readdirSync(`${scratch()}/tmp`), []);
  });

  describe('asks only for what is new:', () => {
    it('304 by ETag', async () => {
      web.on(IMAGE_URL, file(remoteImage()));
      const first = await remote.fetch();
      assert.equal((await remote.fetch()).id, first.id);
      assert.equal(web.asked[1]?.headers['if-none-match'], '"1"');
      assert.equal(remote.seen('unchanged'), 1);
      assert.deepEqual(remote.downloads, []);
    });
    it('304 by Last-Modified', async () => {
      const date = 'Wed, 21 Oct 2015 07:28:00 GMT';
      web.on(IMAGE_URL, (asked, response) => {
        if (asked.headers['if-modified-since'] === date) response.writeHead(304).end();
        else content(remoteImage(), { 'last-modified': date })(asked, response);
      });
      assert.equal((await remote.fetch()).id, (await remote.fetch()).id);
      assert.equal(remote.seen('unchanged'), 1);
      await remote.fetch();
      assert.equal(remote.seen('unchanged'), 2);
    });
    it('nothing within max-age', async () => {
      web.on(IMAGE_URL, file(remoteImage(), '"1"', { 'cache-control': 'public, max-age=60' }));
      await remote.fetch();
      await remote.fetch();
      assert.equal(web.asked.length, 1);
    });
    it('again when max-age was over before', async () => {
      web.on(IMAGE_URL, file(remoteImage(), '"1"', { 'cache-control': 'max-age=60', age: '60' }));
      await remote.fetch();
      await remote.fetch();
      assert.equal(web.asked.length, 2);
    });
    it('all of it when the server has another', async () => {
      web.on(IMAGE_URL, file(remoteImage()));
      const first = await remote.fetch();
      web.on(IMAGE_URL, file(remoteImage('y'), '"2"'));
      assert.notEqual((await remote.fetch()).id, first.id);
    });
    it('all of it when the image was removed from the store', async () => {
      web.on(IMAGE_URL, file(remoteImage(), '"1"', { 'cache-control': 'max-age=60' }));
      const { id } = await remote.fetch();
      new DirectoryStore(scratch()).remove(id);
      assert.equal((await remote.fetch()).id, id);
      assert.equal(web.asked[1]?.headers['if-none-match'], undefined);
    });
  });

  it('two at once: one loads, the other takes what it loaded', async () => {
    web.on(IMAGE_URL, file(remoteImage()));
    const [one, other] = await Promise.all([remote.fetch(), remote.fetch()]);
    assert.equal(one.id, other.id);
    assert.deepEqual(
      web.asked.map(({ headers }) => headers['if-none-match']),
      [undefined, '"1"'],
    );
    assert.equal(remote.seen('waiting'), 1);
  });

  it('B19 endless data: not more than the size that a dependent says', async () => {
    let sent = 0;
    web.on(IMAGE_URL, (_, response) => {
      response.writeHead(200);
      const more = (): void => {
        while (!response.destroyed && sent < 200e6 && response.write(Buffer.alloc(65_536))) sent += 65_536;
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });
    await rejectsCode('image-dependency-invalid', remote.fetch({ size: 100_000 }), /more than 100000/);
    assert.ok(sent < 20e6);
    assert.deepEqual(remote.downloads, []);
  });
  it('B19 another size is refused before anything is loaded', async () => {
    web.on(IMAGE_URL, file(remoteImage()));
    await rejectsCode('image-dependency-invalid', remote.fetch({ size: 7 }), /7/);
    assert.deepEqual([remote.stored, remote.downloads], [0, []]);
  });
  it('B19 the right size', async () => {
    web.on(IMAGE_URL, file(remoteImage()));
    assert.equal((await remote.fetch({ size: remoteImage().length })).id, imageIdOf(remoteImage()));
  });
  it('a length beyond what an image may have is refused at once', async () => {
    web.on(
      IMAGE_URL,
      (_, response) => void response.writeHead(200, { 'content-length': 20 * 1024 ** 3 }).flushHeaders(),
    );
    await rejectsCode('image-too-large', remote.fetch());
  });
  it('404', async () => {
    await rejectsCode('fetch-status', remote.fetch(), /404/);
    assert.deepEqual(remote.downloads, []);
  });
  it('what is no image leaves nothing', async () => {
    web.on(IMAGE_URL, content('hello'.repeat(1000)));
    await rejectsCode('image-archive-invalid', remote.fetch());
    assert.deepEqual([remote.stored, remote.downloads, fs.readdirSync(`${scratch()}/tmp`)], [0, [], []]);
  });
});
