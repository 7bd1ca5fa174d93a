import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import type { Descriptor } from '../../../../../stage0/image/docker/port';
import { rejectsCode } from '../../../../fixtures/expect';
import { sha256 } from '../../../../fixtures/oci-layout';
import { Puller, type PullOptions, readBlob } from '../../../../fixtures/pull';
import { scratchDirectory } from '../../../../fixtures/scratch';
import { type Answer, content, endless, Web } from '../../../../fixtures/web';

const OCI = 'application/vnd.oci.image.manifest.v1+json';
const REPOSITORY = 'registry.example.com/v2/app';

describe('registries that do not do as they should', () => {
  const scratch = scratchDirectory();
  let web: Web;
  let puller: Puller;
  const bytes = randomBytes(600_000);
  const layer: Descriptor = { mediaType: 'x', digest: sha256(bytes), size: bytes.length };
  const path = `${REPOSITORY}/blobs/${layer.digest}`;
  beforeEach(async () => {
    web = await Web.open();
    puller = new Puller(scratch());
  });
  afterEach(() => web.close());

  const options = (more: PullOptions = {}): PullOptions => ({
    ...more,
    settings: { ...web.settings(), ...more.settings },
  });
  const document = (wanted?: string, more?: PullOptions) =>
    puller.open('docker://registry.example.com/app', options(more)).document(wanted);
  const blob = (more?: PullOptions, descriptor = layer): Promise<Buffer> =>
    readBlob(puller.open('docker://registry.example.com/app', options(more)), descriptor);
  const ranged: Answer = (request, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (from === 0) return void response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
    const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
    response
      .writeHead(206, { 'content-range': range, 'content-length': bytes.length - from })
      .end(bytes.subarray(from));
  };
  /** Sends so much and breaks off; after `times` of that, does what `then` does. */
  const breaking = (upTo: number, then: Answer, times = 1): Answer => {
    let broken = 0;
    return (request, response) => {
      broken += 1;
      if (broken > times) return then(request, response);
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, upTo), () => response.socket?.destroySoon());
    };
  };

  describe('manifests', () => {
    const manifest = Buffer.from('{"schemaVersion":2}');
    it('another one than the digest asked for', async () => {
      web.on(`${REPOSITORY}/manifests/${layer.digest}`, content(manifest, { 'content-type': OCI }));
      await rejectsCode('image-digest-mismatch', document(layer.digest), /was asked for/);
    });
    it('another one than the registry says itself', async () => {
      web.on(`${REPOSITORY}/manifests/latest`, content(manifest, { 'docker-content-digest': layer.digest }));
      await rejectsCode('image-digest-mismatch', document());
    });
    it('endless', async () => {
      web.on(`${REPOSITORY}/manifests/latest`, endless());
      await rejectsCode('image-too-large', document());
    });
    it('cut short, time and again', async () => {
      web.on(`${REPOSITORY}/manifests/latest`, breaking(100, ranged, 10));
      await rejectsCode('fetch-unreachable', document());
    });
    it('compressed although nobody asked', async () => {
      web.on(`${REPOSITORY}/manifests/latest`, content(manifest, { 'content-encoding': 'gzip' }));
      await rejectsCode('fetch-response-invalid', document());
    });
    for (const [what, body, shown] of [
      ['its own error', '{"errors":[{"code":"DENIED","message":"go \\u001b[31m away"}]}', /DENIED: go .\[31m away/],
      ['an error that is not JSON', '<html>', /status 403/],
      ['an error of another shape', '{"errors":{"x":1},"message":"no"}', /says no/],
      ['an endless error', undefined, /status 403/],
    ] as const) {
      it(`403 with ${what}`, async () => {
        const answer: Answer =
          body === undefined ? (request, response) => endless(403)(request, response) : content(body, {}, 403);
        web.on(`${REPOSITORY}/manifests/latest`, answer);
        await rejectsCode('registry-denied', document(), shown);
      });
    }
    it('429: waits as long as it is told to, and shows the reason if that is too long', async () => {
      let asked = 0;
      const limit =
        (seconds: string): Answer =>
        (request, response) => {
          asked += 1;
          if (asked > 1) return content(manifest, { 'content-type': OCI })(request, response);
          content(
            '{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}',
            { 'retry-after': seconds },
            429,
          )(request, response);
        };
      web.on(`${REPOSITORY}/manifests/latest`, limit('1'));
      const waits: number[] = [];
      const onRetry = (_: string, __: string, delay: number): void => void waits.push(delay);
      assert.deepEqual((await document(undefined, { settings: { onRetry } })).bytes, manifest);
      assert.deepEqual(waits, [1000]);
      asked = 0;
      web.on(`${REPOSITORY}/manifests/latest`, limit('3600'));
      await rejectsCode('fetch-status', document(), /TOOMANYREQUESTS: slow down/);
    });
  });

  describe('blobs', () => {
    const cases: readonly (readonly [
      string,
      Answer,
      'image-digest-mismatch' | 'fetch-unreachable' | 'registry-unknown',
    ])[] = [
      ['other bytes of the same size', content(Buffer.alloc(bytes.length)), 'image-digest-mismatch'],
      ['fewer bytes', content(bytes.subarray(1)), 'image-digest-mismatch'],
      ['more bytes', content(Buffer.concat([bytes, bytes])), 'image-digest-mismatch'],
      ['no end', endless(), 'image-digest-mismatch'],
      [
        'fewer bytes, and nobody says how many',
        (_, response) => void response.writeHead(200, { 'transfer-encoding': 'chunked' }).end(bytes.subarray(9)),
        'image-digest-mismatch',
      ],
      ['nothing', content('', {}, 404), 'registry-unknown'],
    ];
    for (const [what, answer, code] of cases) {
      it(`${what}: nothing is left, and the next attempt is good`, async () => {
        web.on(path, answer);
        await rejectsCode(code, blob());
        assert.deepEqual(puller.downloads, []);
        web.on(path, ranged);
        assert.deepEqual(await blob(), bytes);
        assert.deepEqual(puller.downloads, []);
      });
    }
    it('a small one (configuration) is held to its digest and size, too', async () => {
      const config = Buffer.from('{"os":"linux"}');
      const small: Descriptor = { mediaType: 'x', digest: sha256(config), size: config.length };
      web.on(`${REPOSITORY}/blobs/${small.digest}`, content('{"os":"other"}'));
      await rejectsCode('image-digest-mismatch', blob({}, small));
      web.on(`${REPOSITORY}/blobs/${small.digest}`, content('{}'));
      await rejectsCode('image-digest-mismatch', blob({}, small));
      web.on(`${REPOSITORY}/blobs/${small.digest}`, content(config));
      assert.deepEqual(await blob({}, small), config);
    });
    it('broken off: goes on where it was, within one run', async () => {
      web.on(path, breaking(400_000, ranged));
      assert.deepEqual(await blob(), bytes);
      assert.equal(web.asked[0]?.headers.range, undefined);
      assert.match(web.asked[1]?.headers.range ?? '', /^bytes=[1-9]\d*-$/);
    });
    it('broken off: goes on where it was, in the next run', async () => {
      web.on(path, breaking(400_000, content('', {}, 404)));
      await assert.rejects(blob());
      assert.equal(puller.downloads.length, 2);
      web.asked.length = 0;
      web.on(path, ranged);
      assert.deepEqual(await blob(), bytes);
      assert.match(web.asked[0]?.headers.range ?? '', /^bytes=[1-9]\d*-$/);
      assert.deepEqual(puller.downloads, []);
    });
    it('without ranges: what was there is passed over', async () => {
      web.on(path, breaking(400_000, content(bytes)));
      assert.deepEqual(await blob(), bytes);
    });
    it('another range than was asked for', async () => {
      const other: Answer = (_, response) =>
        void response.writeHead(206, { 'content-range': `bytes 5-599999/${bytes.length}` }).end(bytes.subarray(5));
      web.on(path, breaking(400_000, other));
      await rejectsCode('fetch-response-invalid', blob());
    });
    it('a part that was damaged meanwhile is thrown away, and the next attempt is good', async () => {
      web.on(path, breaking(400_000, content('', {}, 404)));
      await assert.rejects(blob());
      const part = puller.downloads.find((name) => !name.includes('.'));
      fs.writeFileSync(`${puller.dir}/downloads/${part}`, Buffer.alloc(1000), { flag: 'r+' });
      web.on(path, ranged);
      await rejectsCode('image-digest-mismatch', blob());
      assert.deepEqual(await blob(), bytes);
    });
    it('what the reader throws ends it at once, and is not the registry’s fault', async () => {
      web.on(path, ranged);
      const source = puller.open('docker://registry.example.com/app', options());
      const refuse = (): Promise<void> => Promise.reject(new RangeError('no'));
      await assert.rejects(source.blob(layer, refuse), RangeError);
      assert.equal(web.asked.length, 1);
    });
    it('an interruption keeps what came', async () => {
      const end = new AbortController();
      web.on(path, (_, response) => {
        response.writeHead(200, { 'content-length': bytes.length });
        response.write(bytes.subarray(0, 400_000));
      });
      const source = puller.open('docker://registry.example.com/app', options({ settings: { signal: end.signal } }));
      await rejectsCode(
        'interrupted',
        source.blob(layer, () => void setImmediate(() => end.abort())),
      );
      assert.equal(puller.downloads.length, 2);
    });
  });

  describe('mirrors', () => {
    const registries = new Map([
      ['registry.example.com', { mirrors: ['m1.example.com/x', 'm2.example.com'], location: undefined, lookaside: [] }],
    ]);
    it('are asked first, in their order, each below its own path', async () => {
      web.on('m2.example.com/v2/app/manifests/latest', content('{}'));
      await document(undefined, { registries });
      assert.deepEqual(web.urls, [
        'm1.example.com/v2/x/app/manifests/latest',
        'm2.example.com/v2/app/manifests/latest',
      ]);
      assert.equal(puller.events.filter(({ event }) => event === 'passed-over').length, 1);
    });
    it('one that gives another document of the digest is passed over', async () => {
      const good = Buffer.from('{"good":true}');
      web.on(`m1.example.com/v2/x/app/manifests/${sha256(good)}`, content('{}'));
      web.on(`${REPOSITORY}/manifests/${sha256(good)}`, content(good));
      assert.deepEqual((await document(sha256(good), { registries })).bytes, good);
    });
    it('one that breaks off: another goes on with the blob', async () => {
      web.on(`m1.example.com/v2/x/app/blobs/${layer.digest}`, breaking(400_000, content('', {}, 500)));
      web.on(path, ranged);
      assert.deepEqual(await blob({ registries }), bytes);
      assert.match(web.asked.at(-1)?.headers.range ?? '', /^bytes=[1-9]\d*-$/);
    });
    it('a location stands for the registry itself', async () => {
      const moved = new Map([['registry.example.com', { mirrors: [], location: 'new.example.com/y', lookaside: [] }]]);
      web.on('new.example.com/v2/y/app/manifests/latest', content('{}'));
      await document(undefined, { registries: moved });
    });
  });
});
