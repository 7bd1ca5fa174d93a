import assert from 'node:assert/strict';
import fs from 'node:fs';
import type { UrlRequest } from '../../../../stage0/image/fetch/url';
import { signatureVerifier } from '../../../../stage0/image/verify/verifier';
import { imageIdOf } from '../../../fixtures/aci';
import { rejectsCode } from '../../../fixtures/expect';
import { Gpg } from '../../../fixtures/gpg';
import { file, halfThen, IMAGE_NAME, IMAGE_URL, Remote, remoteImage } from '../../../fixtures/remote';
import { scratchDirectory } from '../../../fixtures/scratch';
import { content, Web } from '../../../fixtures/web';

describe('the signature of an image that is fetched', () => {
  const scratch = scratchDirectory();
  let web: Web;
  let remote: Remote;
  beforeEach(async () => {
    web = await Web.open();
    remote = new Remote(web, scratch());
    web.on(IMAGE_URL, file(remoteImage()));
  });
  afterEach(() => web.close());
  const gpg = new Gpg();
  let key: string;
  let signature: Buffer;
  before(() => {
    key = gpg.key('owner');
    signature = gpg.sign(remoteImage(), { by: [key] });
  });
  after(() => gpg.close());

  const trust = (): void => {
    const place = `${scratch()}/etc/trustedkeys/prefix.d/${IMAGE_NAME}`;
    fs.mkdirSync(place, { recursive: true });
    fs.writeFileSync(`${place}/${key.toLowerCase()}`, gpg.export([key]));
  };
  const signed = (source: { url: URL } | { path: string } = { url: new URL(`${IMAGE_URL}.asc`) }): UrlRequest => ({
    ...Remote.request,
    signature: {
      kind: 'required',
      verifier: signatureVerifier({ system: `${scratch()}/usr`, local: `${scratch()}/etc` }),
      source,
      learnKeys: async () => undefined,
    },
  });
  it('beside the image', async () => {
    trust();
    web.on(`${IMAGE_URL}.asc`, content(signature));
    assert.equal((await remote.fetch(signed())).verification?.fingerprint, key);
  });
  it('from a file', async () => {
    trust();
    fs.writeFileSync(`${scratch()}/sig`, signature);
    assert.equal((await remote.fetch(signed({ path: `${scratch()}/sig` }))).verification?.fingerprint, key);
  });
  it('that is missing: nothing of the image is loaded', async () => {
    trust();
    await rejectsCode('signature-missing', remote.fetch(signed()), /a\.aci\.asc/);
    assert.equal(remote.seen('downloading'), 0);
  });
  it('by a key nobody knows: nothing of the image is loaded', async () => {
    web.on(`${IMAGE_URL}.asc`, content(signature));
    await rejectsCode('signature-key-unknown', remote.fetch(signed()));
    assert.equal(remote.seen('downloading'), 0);
  });
  it('of something else: nothing is stored or kept', async () => {
    trust();
    web.on(`${IMAGE_URL}.asc`, content(gpg.sign('else', { by: [key] })));
    await rejectsCode('signature-invalid', remote.fetch(signed()));
    assert.deepEqual([remote.stored, remote.downloads], [0, []]);
  });
  it('too large for one', async () => {
    trust();
    web.on(`${IMAGE_URL}.asc`, content(Buffer.alloc(1024 * 1024)));
    await rejectsCode('signature-malformed', remote.fetch(signed()));
  });
  it('that is made later (202)', async () => {
    trust();
    let polls = 0;
    web.on(`${IMAGE_URL}.asc`, (asked, response) => {
      polls += 1;
      (polls < 4 ? content('', {}, 202) : content(signature))(asked, response);
    });
    assert.equal((await remote.fetch(signed())).verification?.fingerprint, key);
    assert.equal(polls, 4);
    assert.ok(web.urls.indexOf('example.com/a.aci') < web.urls.lastIndexOf('example.com/a.aci.asc'));
  });
  it('that is never made (202): the image need not be loaded again', async () => {
    trust();
    web.on(`${IMAGE_URL}.asc`, content('', {}, 202));
    await rejectsCode('signature-deferred', remote.fetch(signed()));
    assert.deepEqual([remote.stored, remote.downloads.length], [0, 2]);
    web.on(`${IMAGE_URL}.asc`, content(signature));
    web.asked.length = 0;
    await remote.fetch(signed());
    assert.equal(web.asked.find(({ url }) => url === IMAGE_URL)?.headers['if-none-match'], '"1"');
  });
  it('an image stored without one is fetched again with one', async () => {
    trust();
    web.on(IMAGE_URL, file(remoteImage(), '"1"', { 'cache-control': 'max-age=60' }));
    web.on(`${IMAGE_URL}.asc`, content(signature));
    assert.equal((await remote.fetch()).verification, undefined);
    assert.equal((await remote.fetch(signed())).verification?.fingerprint, key);
  });
  it('an image whose key is trusted no more is not taken from the store', async () => {
    trust();
    web.on(IMAGE_URL, file(remoteImage(), '"1"', { 'cache-control': 'max-age=60' }));
    web.on(`${IMAGE_URL}.asc`, content(signature));
    await remote.fetch(signed());
    fs.rmSync(`${scratch()}/etc`, { recursive: true });
    await rejectsCode('signature-key-unknown', remote.fetch(signed()));
  });
  it('two versions spliced by a lying server: fetched anew, and verified', async () => {
    trust();
    web.on(IMAGE_URL, halfThen(remoteImage('y'), content('', {}, 404)));
    web.on(`${IMAGE_URL}.asc`, content(signature));
    await assert.rejects(remote.fetch(signed()));
    web.on(IMAGE_URL, file(remoteImage()));
    web.on(`${IMAGE_URL}.asc`, content(signature));
    assert.equal((await remote.fetch(signed())).id, imageIdOf(remoteImage()));
    assert.equal(remote.seen('downloading'), 3);
  });
});
