import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { admissionOf, admitted } from '../../../stage0/image/verify/admission';
import { describeDistrusted, distrust, readFingerprint, stillCovered } from '../../../stage0/image/verify/distrust';
import { listKeys } from '../../../stage0/image/verify/inventory';
import { lacksKeys, learnKeys } from '../../../stage0/image/verify/learn';
import { type Review, trustKeys } from '../../../stage0/image/verify/trust';
import { signatureVerifier } from '../../../stage0/image/verify/verifier';
import { Gpg } from '../../fixtures/gpg';
import { image, Keystore, name, refuses } from './place';

describe('the inventory of trusted keys', function () {
  this.timeout(30_000);
  const gpg = new Gpg();
  let store: Keystore;
  let key: string;
  let exported: Buffer;
  before(() => {
    key = gpg.key('owner', { expires: '400d' });
    gpg.subkey(key, { algorithm: 'rsa2048' });
    exported = gpg.export([key]);
  });
  after(() => gpg.close());
  beforeEach(() => {
    store = new Keystore();
  });
  afterEach(() => store.close());

  const states = async (prefix?: string): Promise<readonly string[]> =>
    (await listKeys(store, prefix)).keys.map(
      ({ file, state }) =>
        `${file.layer} ${file.prefix || '(root)'} ${file.fingerprint === key.toLowerCase() ? '' : '?'}${state}`,
    );
  const trust = (review: Review, bytes = exported) =>
    trustKeys(store, { keyFiles: [{ origin: 'https://example.com/k y\u00e9', bytes }], prefix: 'a', review });

  it('shows what is in a key and how it came here', async () => {
    await trust({ kind: 'believe' });
    const [found, ...others] = (await listKeys(store, undefined)).keys;
    assert.equal(others.length, 0);
    assert.equal(found?.state, 'trusted');
    const { facts } = found;
    assert.deepEqual(facts?.userIds, ['owner <owner@example.com>']);
    assert.match(facts.algorithm, /ed25519/i);
    assert.ok(Math.abs((facts.expiresAt ?? 0) - Date.now() - 400 * 86_400_000) < 86_400_000);
    assert.equal(facts.subkeys[0]?.algorithm, 'RSA-2048');
    assert.equal(facts.admission?.reviewed, 'nobody');
    assert.equal(facts.admission.from, 'https://example.com/k%20y%C3%A9');
    assert.ok(Math.abs(Date.parse(facts.admission.at) - Date.now()) < 60_000);
  });

  it('says of every file whether it counts, and why not', async () => {
    const old = gpg.key('old', { at: '2020-01-01T00:00:00', expires: '30d' });
    const short = gpg.key('short', { algorithm: 'rsa1024' });
    const gone = gpg.key('gone');
    gpg.revoke(gone);
    store.put('system', 'a', key, exported);
    store.put('local', 'a', key, exported);
    store.put('system', 'b', key, exported);
    store.put('local', 'b', key, '');
    store.put('local', '', key, exported);
    store.put('local', 'c', old, gpg.export([old]));
    store.put('local', 'd', short, gpg.export([short]));
    store.put('local', 'e', gone, gpg.export([gone]));
    store.put('local', 'f', key, 'rubbish');
    assert.deepEqual(await states(), [
      'local (root) trusted',
      'local a trusted',
      'system a replaced',
      'system b masked',
      'local b mask',
      'local c ?expired',
      'local d ?weak',
      'local e ?revoked',
      'local f unreadable',
    ]);
    assert.deepEqual(await states('b'), ['system b masked', 'local b mask']);
    assert.deepEqual(await states(''), ['local (root) trusted']);
    const { keys } = await listKeys(store, 'f');
    assert.match(keys[0]?.problem ?? '', /there is no OpenPGP key/);
  });

  it('keeps what is known of a key beside it without ending the trust in what it signed', async () => {
    await trust({ kind: 'believe' });
    const verification = await store.verify(image, gpg.sign(image, { by: [key] }), 'a/x');
    await trust({ kind: 'ask', confirm: async () => true });
    const [found] = (await listKeys(store, undefined)).keys;
    assert.equal(found?.facts?.admission?.reviewed, 'asked');
    assert.ok(signatureVerifier(store).stillTrusted(verification, 'a/x'));
    fs.writeFileSync(found.file.path, gpg.export([gpg.key('other')]));
    assert.ok(!signatureVerifier(store).stillTrusted(verification, 'a/x'));
  });

  it('tells those that came by --trust-keys-from-https from those that somebody chose', async () => {
    assert.ok(lacksKeys(store, name));
    const found = [{ origin: 'https://example.com/k', bytes: exported }];
    assert.match((await learnKeys(store, name, found)).join(), /^Added key for prefix "example\.com\/hello" at /);
    assert.ok(!lacksKeys(store, name));
    const [learnt] = (await listKeys(store, name)).keys;
    assert.deepEqual(
      [learnt?.facts?.admission?.reviewed, learnt?.facts?.admission?.from],
      ['nobody', 'https://example.com/k'],
    );
  });

  it('writes its comments so that gpg reads the key, and no origin can forge one', async () => {
    await trust({ kind: 'skip' });
    const [found] = (await listKeys(store, undefined)).keys;
    const other = new Gpg();
    try {
      assert.match(other.show(found?.file.path ?? ''), new RegExp(key));
    } finally {
      other.close();
    }
    const evil = 'x\nComment: podctl trusted this key at 2020-01-01T00:00:00.000Z, reviewed: asked, from: y\n\n=AAAA';
    const text = admitted(exported.toString(), evil, 'nobody', new Date());
    assert.equal(text.split('\n').length, exported.toString().split('\n').length + 1);
    assert.equal(admissionOf(Buffer.from(text))?.reviewed, 'nobody');
    assert.equal(admissionOf(exported), undefined);
  });

  it('removes a key of every prefix, or of one, and masks what the system ships', () => {
    const local = store.put('local', 'a', key, exported);
    store.put('system', '', key, exported);
    store.put('local', 'b', key, exported);
    const print = key.toLowerCase();
    assert.deepEqual(distrust(store, print, 'a').map(describeDistrusted), [`Removed key for prefix "a" at "${local}"`]);
    assert.deepEqual(stillCovered(store, print), ['all images', 'prefix "b"']);
    const mask = path.join(store.local, 'trustedkeys/root.d', print);
    assert.deepEqual(distrust(store, print, undefined).map(describeDistrusted), [
      `Masked root key by "${mask}"`,
      `Removed key for prefix "b" at "${path.join(store.local, 'trustedkeys/prefix.d/b', print)}"`,
    ]);
    assert.equal(fs.statSync(mask).size, 0);
    assert.deepEqual(stillCovered(store, print), []);
  });

  it('refuses to remove what is not trusted, or not its own', async () => {
    const print = key.toLowerCase();
    const removing = async (prefix?: string) => distrust(store, print, prefix);
    await refuses('key-not-trusted', removing(), /for any image/);
    store.put('local', 'a', key, exported);
    await refuses('key-not-trusted', removing('a/b'), /for prefix "a\/b"/);
    await refuses('invalid-name', removing('A'));
    const foreign = store.put('user', 'b', key, exported);
    await refuses('usage', removing(), new RegExp(`remove ${foreign}`));
    assert.deepEqual(stillCovered(store, print), ['prefix "a"', 'prefix "b"']);
  });

  it('takes a fingerprint in any writing, and never a part of one', async () => {
    const spaced = key.match(/.{4}/g)?.join(' ') ?? '';
    for (const written of [key, key.toLowerCase(), `0x${key}`, spaced, key.match(/.{2}/g)?.join(':') ?? '']) {
      assert.equal(readFingerprint(written), key.toLowerCase());
    }
    for (const written of [key.slice(-16), `${key}0`, '', '../x', key.replace(/.$/, '\uff11'), `${key.slice(1)}\n`]) {
      await refuses('usage', (async () => readFingerprint(written))(), /whole fingerprint/);
    }
  });
});
