import assert from 'node:assert/strict';
import { Gpg } from '../../fixtures/gpg';
import { image, Keystore, name, refuses } from './place';

/** A packet as it stands in a file: header, length, body. */
function framed(packet: { write(): Uint8Array }): Buffer {
  const body = packet.write();
  const { tag } = packet.constructor as { tag?: number };
  const header = Buffer.from([0xc0 | (tag ?? 0), 0xff, 0, 0, 0, 0]);
  header.writeUInt32BE(body.length, 2);
  return Buffer.concat([header, body]);
}

describe('signature verification refuses what is out of date, revoked or weak', function () {
  this.timeout(30_000);
  const gpg = new Gpg();
  let store: Keystore;
  let ed: string;
  before(() => {
    ed = gpg.key('ed');
  });
  after(() => gpg.close());
  beforeEach(() => {
    store = new Keystore();
  });
  afterEach(() => store.close());

  const trust = (fingerprint: string, prefix = name): string =>
    store.put('local', prefix, fingerprint, gpg.export([fingerprint]));

  it('a key that has expired, though it had not when it signed', async () => {
    const key = gpg.key('expired', { at: '2020-01-01T00:00:00', expires: '30d' });
    trust(key);
    const signature = gpg.sign(image, { by: [key], at: '2020-01-05T00:00:00' });
    await refuses('signature-key-expired', store.verify(image, signature, name), /expired on 2020-01-31/);
    const { expiresAt } = await store.verify(image, signature, name, Date.UTC(2020, 0, 10));
    assert.equal(expiresAt, Date.UTC(2020, 0, 31));
  });

  it('a subkey that has expired', async () => {
    const key = gpg.key('subexpired', { usage: 'cert', at: '2020-01-01T00:00:00' });
    gpg.subkey(key, { at: '2020-01-01T00:00:00', expires: '30d' });
    trust(key);
    const signature = gpg.sign(image, { by: [key], at: '2020-01-05T00:00:00' });
    await refuses('signature-key-expired', store.verify(image, signature, name), /expired on 2020-01-31/);
  });

  it('a revoked key, even if only an untrusted copy of it knows', async () => {
    const key = gpg.key('revoked');
    const innocent = gpg.export([key]);
    const signature = gpg.sign(image, { by: [key] });
    gpg.revoke(key);
    const file = trust(key);
    await refuses('signature-key-revoked', store.verify(image, signature, name), new RegExp(file));
    store.put('local', name, key, innocent);
    await store.verify(image, signature, name);
    trust(key, 'elsewhere.org');
    await refuses('signature-key-revoked', store.verify(image, signature, name), /elsewhere/);
  });

  it('a revoked subkey', async () => {
    const key = gpg.key('subrevoked', { usage: 'cert' });
    gpg.subkey(key);
    const signature = gpg.sign(image, { by: [key] });
    gpg.revokeSubkey(key);
    trust(key);
    await refuses('signature-key-revoked', store.verify(image, signature, name), /its subkey was revoked/);
  });

  it('a subkey that the primary key never bound', async () => {
    const stranger = gpg.key('stranger', { usage: 'cert' });
    gpg.subkey(stranger);
    const { readKey, enums } = await import('openpgp');
    const packets = (await readKey({ binaryKey: gpg.export([stranger], { armored: false }) })).toPacketList();
    const subkey = packets.slice(packets.indexOfTag(enums.packet.publicSubkey)[0]);
    const grafted = Buffer.concat([gpg.export([ed], { armored: false }), ...subkey.map(framed)]);
    store.put('local', name, ed, grafted);
    await store.verify(image, gpg.sign(image, { by: [ed] }), name);
    const signature = gpg.sign(image, { by: [stranger] });
    await refuses('signature-invalid', store.verify(image, signature, name), /must not sign data/);
  });

  it('a signature older than its key', async () => {
    trust(ed);
    const signature = gpg.sign(image, { by: [ed], at: '2020-01-01T00:00:00', args: ['--ignore-time-conflict'] });
    await refuses('signature-invalid', store.verify(image, signature, name), /is older than its key/);
  });

  it('a signature made in the future', async () => {
    trust(ed);
    const signature = gpg.sign(image, { by: [ed], at: '2036-01-01T00:00:00' });
    await refuses('signature-invalid', store.verify(image, signature, name), /future.*\n.*clocks/);
  });

  it('a signature that has an end', async () => {
    trust(ed);
    const signature = gpg.sign(image, { by: [ed], args: ['--default-sig-expire', '2d'] });
    const { expiresAt } = await store.verify(image, signature, name);
    await refuses('signature-expired', store.verify(image, signature, name, expiresAt));
  });

  it('MD5, SHA-1, short RSA keys, DSA, and signatures of text', async () => {
    const rsa = gpg.key('rsa', { algorithm: 'rsa2048' });
    trust(ed);
    trust(rsa);
    const weak = (signature: Buffer, why: RegExp) =>
      refuses('signature-weak', store.verify(image, signature, name), why);
    await weak(gpg.sign(image, { by: [ed], digest: 'SHA1' }), /SHA1/);
    for (const digest of ['SHA1', 'RIPEMD160', 'MD5']) {
      const args = ['--allow-weak-digest-algos'];
      const signature = gpg.sign(image, { by: [rsa], digest, args });
      await weak(signature, new RegExp(digest.slice(0, 5)));
      // Beside a good one it does no harm, and alone in a second block it does not count either.
      await weak(Buffer.concat([signature, gpg.sign(image, { by: [rsa], digest: 'SHA1' })]), /none of 2 signatures/);
      await store.verify(image, Buffer.concat([signature, gpg.sign(image, { by: [rsa], digest: 'SHA512' })]), name);
    }
    await weak(gpg.sign(image, { by: [ed], args: ['--textmode'] }), /text/);
    for (const [algorithm, why] of [
      ['rsa1024', /RSA-1024/],
      ['dsa1024', /dsa/],
    ] as const) {
      const key = gpg.key(algorithm, { algorithm });
      trust(key);
      await weak(gpg.sign(image, { by: [key] }), why);
    }
  });
});
