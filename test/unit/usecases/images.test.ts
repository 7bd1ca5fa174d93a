import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createContext } from '../../../stage0/cli/context';
import { createServices } from '../../../stage0/cli/services';
import { HttpClient } from '../../../stage0/image/fetch/http/client';
import { ensureTree } from '../../../stage0/render/ensure-tree';
import { collectImages } from '../../../stage0/usecases/image-garbage';
import { type FetchOptions, FROM_STORE, obtainImage } from '../../../stage0/usecases/images';
import type { Services } from '../../../stage0/usecases/services';
import { type AciOptions, buildAci, imageIdOf } from '../../fixtures/aci';
import { rejectsCode } from '../../fixtures/expect';
import { Gpg } from '../../fixtures/gpg';
import { needsRoot, scratchDirectory } from '../../fixtures/scratch';
import { content, page, Web } from '../../fixtures/web';

const UNVERIFIED: FetchOptions = { ...FROM_STORE, policy: 'unverified', pull: 'new', pullDependencies: 'new' };

describe('obtaining images', () => {
  const scratch = scratchDirectory();
  let web: Web;
  let services: Services;
  beforeEach(async () => {
    web = await Web.open();
    const globals = {
      dir: scratch(),
      systemConfig: `${scratch()}/usr`,
      localConfig: `${scratch()}/etc`,
      userConfig: '',
      debug: false,
      insecureOptions: new Set<never>(),
      trustKeysFromHttps: false,
    };
    const real = createServices(createContext('fetch', globals));
    services = {
      ...real,
      warn: () => undefined,
      web: async ({ forKeys: _, ...settings } = {}) => new HttpClient(web.settings(settings)),
    };
    web.on('example.com', page('example.com https://example.com/aci/{name}.{ext}'));
  });
  afterEach(() => web.close());

  const obtain = (reference: string, options: Partial<FetchOptions> = {}) =>
    obtainImage(services, reference, undefined, { ...UNVERIFIED, ...options });
  /** Puts an image on the web. @returns its ID */
  const serve = (name: string, options: AciOptions = {}, headers: Record<string, string> = {}): string => {
    const aci = buildAci({ name, ...options });
    web.on(`example.com/aci/${name}.aci`, content(aci, { etag: `"${imageIdOf(aci)}"`, ...headers }));
    return imageIdOf(aci);
  };
  const need = (...dependencies: readonly object[]): AciOptions => ({ manifest: { dependencies } });
  const asked = (name: string): number => web.urls.filter((url) => url === `example.com/aci/${name}.aci`).length;

  describe('by pull policy', () => {
    it('never: only what is in the store', async () => {
      serve('example.com/a');
      await rejectsCode('image-not-found', obtain('example.com/a', { pull: 'never' }));
      await rejectsCode('image-not-found', obtain('https://example.com/aci/example.com/a.aci', { pull: 'never' }));
      assert.equal(web.asked.length, 0);
    });
    it('new: the network is asked for what is not there', async () => {
      const id = serve('example.com/a');
      assert.equal((await obtain('example.com/a')).image.id, id);
      const before = web.asked.length;
      assert.equal((await obtain('example.com/a')).image.id, id);
      assert.equal((await obtain('example.com/a', { pull: 'never' })).image.id, id);
      assert.equal(web.asked.length, before);
    });
    it('new: what a URL gave before', async () => {
      const url = 'https://example.com/aci/example.com/a.aci';
      const id = serve('example.com/a');
      await obtain(url);
      assert.equal((await obtain(url)).image.id, id);
      assert.equal((await obtain(url, { pull: 'never' })).image.id, id);
      assert.equal(web.asked.length, 1);
    });
    it('update: the network is asked in any case', async () => {
      serve('example.com/a');
      await obtain('example.com/a');
      const id = serve('example.com/a', { labels: [{ name: 'version', value: '2' }] });
      assert.equal((await obtain('example.com/a', { pull: 'update' })).image.id, id);
    });
  });

  describe('B19 with dependencies', () => {
    it('transitively, each once, rendered together', async function () {
      needsRoot(this);
      const file = (name: string) => ({ files: [{ name: 'rootfs/' }, { name: `rootfs/${name}`, content: name }] });
      serve('example.com/d', file('d'));
      serve('example.com/c', { ...need({ imageName: 'example.com/d' }), ...file('c') });
      serve('example.com/b', { ...need({ imageName: 'example.com/d' }), ...file('b') });
      serve('example.com/a', { ...need({ imageName: 'example.com/b' }, { imageName: 'example.com/c' }), ...file('a') });
      const { image, manifest, pins } = await obtain('example.com/a');
      assert.deepEqual(fs.readdirSync(await ensureTree(services, image.id, manifest, pins)), ['a', 'b', 'c', 'd']);
      assert.equal(asked('example.com/d'), 1);
    });
    it('by ID: the very one', async () => {
      const imageID = serve('example.com/b');
      serve('example.com/a', need({ imageName: 'example.com/b', imageID }));
      assert.deepEqual([...(await obtain('example.com/a')).pins.values()], [imageID]);
    });
    it('by ID: another one is refused', async () => {
      serve('example.com/b');
      serve('example.com/a', need({ imageName: 'example.com/b', imageID: `sha512-${'0'.repeat(128)}` }));
      await rejectsCode('image-dependency-invalid', obtain('example.com/a'), /needs example.com\/b/);
    });
    it('by ID: one of another name is refused', async () => {
      const imageID = serve('example.com/c');
      await obtain('example.com/c');
      serve('example.com/a', need({ imageName: 'example.com/b', imageID }));
      await rejectsCode('image-dependency-invalid', obtain('example.com/a'), /example.com\/c/);
    });
    it('with labels, which are discovered and checked', async () => {
      serve('example.com/b');
      serve('example.com/a', need({ imageName: 'example.com/b', labels: [{ name: 'version', value: '1' }] }));
      await rejectsCode('image-name-mismatch', obtain('example.com/a'));
    });
    it('of a size: another is refused', async () => {
      serve('example.com/b');
      serve('example.com/a', need({ imageName: 'example.com/b', size: 10 }));
      await rejectsCode('image-dependency-invalid', obtain('example.com/a'), /10/);
    });
    it('of an image from a file', async () => {
      const id = serve('example.com/b');
      fs.writeFileSync(
        `${scratch()}/a.aci`,
        buildAci({ name: 'example.com/a', ...need({ imageName: 'example.com/b' }) }),
      );
      assert.deepEqual([...(await obtain(`${scratch()}/a.aci`)).pins.values()], [id]);
    });
    it('never from the network if so asked', async () => {
      serve('example.com/b');
      fs.writeFileSync(
        `${scratch()}/a.aci`,
        buildAci({ name: 'example.com/a', ...need({ imageName: 'example.com/b' }) }),
      );
      await rejectsCode('image-dependency-missing', obtain(`${scratch()}/a.aci`, { pullDependencies: 'never' }));
      assert.equal(web.asked.length, 0);
    });
    it('C9 a circle is refused, and shown', async () => {
      serve('example.com/c', need({ imageName: 'example.com/a' }));
      serve('example.com/b', need({ imageName: 'example.com/c' }));
      serve('example.com/a', need({ imageName: 'example.com/b' }));
      const circle = /example.com\/a → example.com\/b → example.com\/c → example.com\/a/;
      await rejectsCode('image-dependency-invalid', obtain('example.com/a'), circle);
    });
    it('C9 an image that needs itself', async () => {
      serve('example.com/a', need({ imageName: 'example.com/a' }));
      await rejectsCode('image-dependency-invalid', obtain('example.com/a'), /example.com\/a → example.com\/a/);
    });
    it('an endless chain is ended', async () => {
      for (let n = 0; n < 40; n += 1) serve(`example.com/n${n}`, need({ imageName: `example.com/n${n + 1}` }));
      await rejectsCode('image-dependency-invalid', obtain('example.com/n0'), /32 levels/);
    });
  });

  describe('with signatures', () => {
    const gpg = new Gpg();
    let key: string;
    before(() => {
      key = gpg.key('owner');
    });
    after(() => gpg.close());

    const verified: Partial<FetchOptions> = { policy: 'verified' };
    const sign = (name: string, options: AciOptions = {}): string => {
      const id = serve(name, options);
      web.on(`example.com/aci/${name}.aci.asc`, content(gpg.sign(buildAci({ name, ...options }), { by: [key] })));
      return id;
    };
    const trust = (): void => {
      const place = `${scratch()}/etc/trustedkeys/prefix.d/example.com`;
      fs.mkdirSync(place, { recursive: true });
      fs.writeFileSync(`${place}/${key.toLowerCase()}`, gpg.export([key]));
    };
    const offerKey = (): void => {
      const tags = ['ac-discovery', 'ac-discovery-pubkeys'].map(
        (name) =>
          `<meta name="${name}" content="example.com https://example.com/${name === 'ac-discovery' ? 'aci/{name}.{ext}' : 'key'}">`,
      );
      web.on('example.com', content(tags.join('')));
      web.on('example.com/key', content(gpg.export([key])));
    };

    it('found by discovery with ext aci.asc', async () => {
      trust();
      sign('example.com/a');
      assert.equal((await obtain('example.com/a', verified)).image.verification?.fingerprint, key);
    });
    it('at a URL, for an image that is a file', async () => {
      trust();
      const aci = buildAci({ name: 'example.com/a' });
      fs.writeFileSync(`${scratch()}/a.aci`, aci);
      web.on('example.com/elsewhere', content(gpg.sign(aci, { by: [key] })));
      const options = { ...UNVERIFIED, ...verified };
      const from = (signature: string) => obtainImage(services, `${scratch()}/a.aci`, signature, options);
      assert.equal((await from('https://example.com/elsewhere')).image.verification?.fingerprint, key);
      await rejectsCode('signature-missing', from('https://example.com/nowhere'), /no https:\/\/example.com\/nowhere/);
    });
    it('of dependencies, too', async () => {
      trust();
      serve('example.com/b');
      sign('example.com/a', need({ imageName: 'example.com/b' }));
      await rejectsCode('signature-missing', obtain('example.com/a', verified), /example.com\/b\.aci/);
    });
    it('of dependencies that the store has without', async () => {
      trust();
      sign('example.com/b');
      await obtain('example.com/b');
      sign('example.com/a', need({ imageName: 'example.com/b' }));
      await rejectsCode('signature-missing', obtain('example.com/a', verified), /example.com\/b/);
    });
    it('by a key of the site only with --trust-keys-from-https', async () => {
      offerKey();
      sign('example.com/a');
      await rejectsCode('signature-key-unknown', obtain('example.com/a', verified));
      const { image } = await obtain('example.com/a', { ...verified, trustKeys: true });
      assert.deepEqual([image.verification?.fingerprint, image.verification?.prefix], [key, 'example.com/a']);
    });
    it('by a key of the site not if somebody has trusted one for the name', async () => {
      const chosen = gpg.key('chosen');
      const place = `${scratch()}/etc/trustedkeys/prefix.d/example.com`;
      fs.mkdirSync(place, { recursive: true });
      fs.writeFileSync(`${place}/${chosen.toLowerCase()}`, gpg.export([chosen]));
      offerKey();
      sign('example.com/a');
      await rejectsCode('signature-key-unknown', obtain('example.com/a', { ...verified, trustKeys: true }));
    });
  });

  it('are collected without a grace period even if the clock was set back since they were used', async () => {
    serve('example.com/a');
    const { image } = await obtain('example.com/a');
    services.images.touch(image.id);
    const before = { ...services, now: () => Date.now() - 1000 };
    collectImages(before, 1, () => undefined);
    assert.deepEqual(
      services.images.list().map(({ id }) => id),
      [image.id],
    );
    collectImages(before, 0, () => undefined);
    assert.deepEqual(services.images.list(), []);
  });
});
