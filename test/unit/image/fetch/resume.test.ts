import assert from 'node:assert/strict';
import type { FetchEvent } from '../../../../stage0/image/fetch/events';
import { fetchUrl } from '../../../../stage0/image/fetch/url';
import { Partials } from '../../../../stage0/store/partials';
import { imageIdOf } from '../../../fixtures/aci';
import { rejectsCode } from '../../../fixtures/expect';
import { file, halfThen, IMAGE_URL, Remote, remoteImage } from '../../../fixtures/remote';
import { scratchDirectory } from '../../../fixtures/scratch';
import { type Answer, content, Web } from '../../../fixtures/web';

describe('resuming a download', () => {
  const scratch = scratchDirectory();
  let web: Web;
  let remote: Remote;
  beforeEach(async () => {
    web = await Web.open();
    remote = new Remote(web, scratch());
  });
  afterEach(() => web.close());
  const ranges = (): readonly (string | undefined)[] => web.asked.map(({ headers }) => headers.range);
  /** Part of a download that another attempt left. */
  const interruptHalfway = async (bytes: Buffer, headers?: Record<string, string>): Promise<void> => {
    web.on(IMAGE_URL, halfThen(bytes, content('', {}, 404), headers));
    await assert.rejects(remote.fetch());
    web.asked.length = 0;
  };

  it('within one run: only the rest is asked for', async () => {
    web.on(IMAGE_URL, halfThen(remoteImage(), file(remoteImage())));
    assert.equal((await remote.fetch()).id, imageIdOf(remoteImage()));
    assert.match(ranges()[1] ?? '', /^bytes=[1-9]\d*-$/);
    assert.equal(web.asked[1]?.headers['if-range'], '"1"');
  });
  it('in a later run', async () => {
    await interruptHalfway(remoteImage());
    assert.equal(remote.downloads.length, 2);
    web.on(IMAGE_URL, file(remoteImage()));
    assert.equal((await remote.fetch()).id, imageIdOf(remoteImage()));
    assert.match(ranges()[0] ?? '', /^bytes=[1-9]\d*-$/);
    assert.deepEqual(remote.downloads, []);
  });
  it('by Last-Modified where there is no ETag', async () => {
    const date = 'Wed, 21 Oct 2015 07:28:00 GMT';
    await interruptHalfway(remoteImage(), { 'last-modified': date });
    web.on(IMAGE_URL, file(remoteImage(), date, { etag: '"new"' }));
    await remote.fetch();
    assert.equal(web.asked[0]?.headers['if-range'], date);
  });
  for (const [what, headers] of [
    ['without a validator', {}],
    ['by a weak one', { etag: 'W/"1"' }],
  ] as const) {
    it(`not ${what}`, async () => {
      await interruptHalfway(remoteImage(), headers);
      web.on(IMAGE_URL, file(remoteImage()));
      await remote.fetch();
      assert.deepEqual(ranges(), [undefined]);
    });
  }
  it('not what has changed: the server sends all of it', async () => {
    await interruptHalfway(remoteImage());
    web.on(IMAGE_URL, file(remoteImage('y'), '"2"'));
    assert.equal((await remote.fetch()).id, imageIdOf(remoteImage('y')));
  });

  const part =
    (first: number, total: number, etag = '"1"'): Answer =>
    (asked, response) => {
      if (asked.headers.range === undefined) return file(remoteImage('y'), '"2"')(asked, response);
      const range = `bytes ${first}-${total - 1}/${total}`;
      response.writeHead(206, { etag, 'content-range': range }).end(remoteImage('y').subarray(first));
    };
  for (const [what, answer] of [
    ['206 of another version', part(200_000, remoteImage().length, '"2"')],
    ['206 from another place', part(5, remoteImage().length)],
    ['206 of another length', part(200_000, remoteImage().length + 512)],
    [
      '416',
      (asked, response) =>
        asked.headers.range ? response.writeHead(416).end() : file(remoteImage('y'), '"2"')(asked, response),
    ],
  ] as readonly (readonly [string, Answer])[]) {
    it(`${what}: all of it, anew`, async () => {
      await interruptHalfway(remoteImage());
      web.on(IMAGE_URL, answer);
      assert.equal((await remote.fetch()).id, imageIdOf(remoteImage('y')));
      assert.equal(ranges()[1], undefined);
      // Seen before a byte of it was taken: once for the attempt that was interrupted, once for the whole.
      assert.equal(remote.seen('downloading'), 2);
    });
  }
  it('206 that ends before the end', async () => {
    await interruptHalfway(remoteImage());
    web.on(IMAGE_URL, (asked, response) => {
      const first = Number(/\d+/.exec(asked.headers.range ?? '')?.[0]);
      const total = remoteImage().length;
      response.writeHead(206, { etag: '"1"', 'content-range': `bytes ${first}-${total - 1}/${total}` }).end('short');
    });
    await rejectsCode('fetch-response-invalid', remote.fetch(), /not \d+ bytes in all/);
    assert.deepEqual([remote.stored, remote.downloads], [0, []]);
  });
  it('206 that nobody asked for', async () => {
    web.on(IMAGE_URL, (_, response) => void response.writeHead(206, { 'content-range': 'bytes 0-1/2' }).end('ab'));
    await rejectsCode('fetch-response-invalid', remote.fetch(), /206/);
    assert.equal(web.asked.length, 3);
  });
  it('a whole file whose import was cut short is not loaded again', async () => {
    web.on(IMAGE_URL, file(remoteImage()));
    const end = new AbortController();
    const network = remote.network({ signal: end.signal });
    const observe = (event: FetchEvent): void => {
      if (event.event === 'progress' && event.done === remoteImage().length) end.abort();
    };
    await rejectsCode('interrupted', fetchUrl(Remote.request, { ...network, observe }));
    assert.equal(remote.downloads.length, 2);
    web.asked.length = 0;
    assert.equal((await remote.fetch()).id, imageIdOf(remoteImage()));
    assert.deepEqual([web.asked.length, web.asked[0]?.headers['if-none-match']], [1, '"1"']);
  });
  it('an interruption leaves a part and no lock', async () => {
    const end = new AbortController();
    web.on(IMAGE_URL, (_, response) => {
      response.writeHead(200, { etag: '"1"', 'content-length': remoteImage().length });
      response.write(remoteImage().subarray(0, 100_000));
    });
    const observe = (event: FetchEvent): void => {
      if (event.event === 'progress') end.abort();
    };
    await rejectsCode('interrupted', fetchUrl(Remote.request, { ...remote.network({ signal: end.signal }), observe }));
    assert.deepEqual([remote.stored, remote.downloads.length], [0, 2]);
    const part = new Partials(scratch()).open(IMAGE_URL);
    assert.ok((part?.size ?? 0) > 0);
    part?.keep();
  });

  it('parts nobody has gone on with for long are collected, others not', async () => {
    await interruptHalfway(remoteImage());
    const partials = new Partials(scratch());
    partials.sweep(Date.now() - 60_000);
    assert.equal(remote.downloads.length, 2);
    const held = partials.open(IMAGE_URL);
    partials.sweep(Date.now() + 60_000);
    assert.equal(remote.downloads.length, 2);
    held?.keep();
    partials.sweep(Date.now() + 60_000);
    assert.deepEqual(remote.downloads, []);
  });
});
