import assert from 'node:assert/strict';
import fs from 'node:fs';
import fc from 'fast-check';
import { PodctlError } from '#kernel/errors';
import { MAX_SIGNATURE_SIZE } from '../../../stage0/image/verify/signature-file';
import { trustKeys } from '../../../stage0/image/verify/trust';
import { signatureVerifier } from '../../../stage0/image/verify/verifier';
import { Gpg } from '../../fixtures/gpg';
import { image, Keystore, name, refuses } from './place';
import * as rsa4096 from './rsa4096';

const DAY = 86_400_000;

describe('signature verification', function () {
  this.timeout(30_000);
  const gpg = new Gpg();
  let store: Keystore;
  let ed: string;
  let other: string;
  before(() => {
    ed = gpg.key('ed');
    other = gpg.key('other');
  });
  after(() => gpg.close());
  beforeEach(() => {
    store = new Keystore();
  });
  afterEach(() => store.close());

  const trust = (fingerprint: string, prefix = name): string =>
    store.put('local', prefix, fingerprint, gpg.export([fingerprint]));

  describe('accepts', () => {
    it('A7 A8 an armoured detached signature, and tells by whom', async () => {
      trust(ed);
      const now = Date.now();
      const verification = await store.verify(image, gpg.sign(image, { by: [ed] }), name, now + 5000);
      assert.equal(verification.fingerprint, ed);
      assert.equal(verification.signingKeyId, ed.slice(-16));
      assert.equal(verification.keyOwner, 'ed <ed@example.com>');
      assert.equal(verification.prefix, name);
      assert.match(verification.keyFileDigest, /^sha512-[0-9a-f]{128}$/);
      assert.match(verification.signatureDigest, /^sha512-[0-9a-f]{128}$/);
      assert.ok(Math.abs(verification.signedAt - now) < 5000);
      assert.equal(verification.verifiedAt, now + 5000);
      assert.ok(!('expiresAt' in verification));
    });

    it('a binary signature, a key file that is binary, a root key, a prefix above', async () => {
      store.put('system', '', ed, gpg.export([ed], { armored: false }));
      trust(other, 'example.com');
      const binary = gpg.sign(image, { by: [ed], armored: false });
      assert.equal((await store.verify(image, binary, name)).prefix, '');
      assert.equal((await store.verify(image, gpg.sign(image, { by: [other] }), name)).prefix, 'example.com');
    });

    for (const algorithm of ['rsa2048', 'nistp256', 'nistp521']) {
      it(`${algorithm}`, async () => {
        const key = gpg.key(algorithm, { algorithm });
        trust(key);
        const signature = gpg.sign(image, { by: [key], digest: 'SHA512' });
        await store.verify(image, signature, name);
        await refuses('signature-invalid', store.verify(Buffer.concat([image, image]), signature, name));
      });
    }

    it('rsa4096', async () => {
      store.put('local', name, rsa4096.fingerprint, rsa4096.publicKey);
      const signature = Buffer.from(rsa4096.signature);
      assert.equal((await store.verify(rsa4096.data, signature, name)).fingerprint, rsa4096.fingerprint);
      await refuses('signature-invalid', store.verify(image, signature, name));
    });

    it('a signing subkey', async () => {
      const key = gpg.key('primary', { usage: 'cert' });
      gpg.subkey(key);
      trust(key);
      const verification = await store.verify(image, gpg.sign(image, { by: [key] }), name);
      assert.equal(verification.fingerprint, key);
      assert.notEqual(verification.signingKeyId, key.slice(-16));
    });

    for (const algorithm of ['rsa2048', 'ed25519', 'nistp256/ecdsa', 'nistp384/ecdsa']) {
      it(`a signing subkey ${algorithm} of a primary key of another kind, from a ring of several keys`, async () => {
        const primary = gpg.key(`ring-${algorithm.replace('/', '-')}`, { algorithm: 'nistp256', usage: 'cert' });
        gpg.subkey(primary, { algorithm: 'cv25519', usage: 'encr' });
        gpg.subkey(primary, { algorithm });
        const ring = gpg.export([ed, primary, other], { armored: false });
        const keyFiles = [{ origin: 'ring', bytes: ring }];
        const added = await trustKeys(store, { keyFiles, prefix: name, review: { kind: 'skip' } });
        assert.equal(added.length, 3);
        const { fingerprint, signingKeyId } = await store.verify(
          image,
          gpg.sign(image, { by: [primary], digest: 'SHA512' }),
          name,
        );
        assert.equal(fingerprint, primary);
        assert.notEqual(signingKeyId, primary.slice(-16));
        for (const by of [ed, other]) {
          assert.equal((await store.verify(image, gpg.sign(image, { by: [by] }), name)).fingerprint, by);
        }
      });
    }

    it('one good signature among others, in one block or in several', async () => {
      trust(ed);
      const both = gpg.sign(image, { by: [other, ed] });
      const blocks = Buffer.concat([gpg.sign('elsewhere', { by: [ed] }), gpg.sign(image, { by: [ed] })]);
      assert.equal((await store.verify(image, both, name)).fingerprint, ed);
      assert.equal((await store.verify(image, blocks, name)).fingerprint, ed);
    });

    it('a signature older than the renewal of its key', async () => {
      const key = gpg.key('renewed', { at: '2020-01-01T00:00:00', expires: '30d' });
      const signature = gpg.sign(image, { by: [key], at: '2020-01-05T00:00:00' });
      gpg.expire(key, '2y');
      trust(key);
      const { signedAt, expiresAt } = await store.verify(image, signature, name);
      assert.equal(signedAt, Date.UTC(2020, 0, 5));
      assert.ok((expiresAt ?? 0) > Date.now() + 700 * DAY);
    });

    it('any trusted signer of a broken image, whose name nobody knows', async () => {
      trust(ed, 'elsewhere.org');
      assert.equal((await store.verify(image, gpg.sign(image, { by: [ed] }), undefined)).fingerprint, ed);
    });
  });

  describe('refuses', () => {
    it('one changed bit anywhere in the image', async () => {
      trust(ed);
      const signature = gpg.sign(image, { by: [ed] });
      await fc.assert(
        fc.asyncProperty(fc.nat(image.length - 1), fc.nat(7), async (at, bit) => {
          const changed = Buffer.from(image);
          changed[at] = (changed[at] ?? 0) ^ (1 << bit);
          await refuses('signature-invalid', store.verify(changed, signature, name), /does not match the image/);
        }),
        { numRuns: 20 },
      );
      await refuses('signature-invalid', store.verify(image.subarray(0, -1), signature, name));
      await refuses('signature-invalid', store.verify(Buffer.alloc(0), signature, name));
    });

    it('one changed character of an armoured signature', async () => {
      trust(ed);
      const signature = gpg.sign(image, { by: [ed] });
      await fc.assert(
        fc.asyncProperty(fc.nat(signature.length - 2), fc.nat(7), async (at, bit) => {
          const changed = Buffer.from(signature);
          changed[at] = (changed[at] ?? 0) ^ (1 << bit);
          await assert.rejects(
            store.verify(image, changed, name),
            (error) => error instanceof PodctlError && error.code.startsWith('signature-'),
            `at ${at}, bit ${bit}`,
          );
        }),
        { numRuns: 100 },
      );
    });

    it('one changed bit of what a binary signature signs, or of its numbers', async () => {
      trust(ed);
      const signature = gpg.sign(image, { by: [ed], armored: false });
      // Packet header (2), then up to the end of the hashed part; the rest without lengths, which the library rounds up.
      const hashedEnd = 2 + 6 + signature.readUInt16BE(6);
      const hashEnd = hashedEnd + 2 + signature.readUInt16BE(hashedEnd);
      const numbers = hashEnd + 2 + 2;
      const positions = [...Array(hashedEnd - 2).keys()].map((at) => at + 2);
      positions.push(hashEnd, hashEnd + 1, numbers, numbers + 31, signature.length - 1);
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...positions), fc.nat(7), async (at, bit) => {
          const changed = Buffer.from(signature);
          changed[at] = (changed[at] ?? 0) ^ (1 << bit);
          await assert.rejects(
            store.verify(image, changed, name),
            (error) => error instanceof PodctlError && error.code.startsWith('signature-'),
            `at ${at}, bit ${bit}`,
          );
        }),
        { numRuns: 100 },
      );
    });

    it('a signature of another image', async () => {
      trust(ed);
      await refuses('signature-invalid', store.verify(image, gpg.sign('another', { by: [ed] }), name));
    });

    it('an unknown key, before it has read the image', async () => {
      const signature = gpg.sign(image, { by: [ed] });
      const open = () => signatureVerifier(store).open(signature, 'image.aci.asc');
      const empty = await refuses('signature-key-unknown', open(), /the keystore is empty/);
      assert.match(empty.hint ?? '', /podctl trust --prefix/);
      trust(other);
      const unknown = await refuses('signature-key-unknown', open(), new RegExp(ed.match(/.{4}/g)?.join(' ') ?? ''));
      assert.doesNotMatch(unknown.hint ?? '', /empty/);
    });

    it('a key trusted for another prefix, and says for which', async () => {
      trust(ed, 'example.com/hell');
      trust(ed, 'example.org');
      const signature = gpg.sign(image, { by: [ed] });
      await refuses(
        'signature-key-untrusted',
        store.verify(image, signature, name),
        /example\.com\/hello: .*trusted for prefix "example\.com\/hell", prefix "example\.org"/,
      );
      await refuses('signature-invalid', store.verify(Buffer.from('x'), signature, name));
    });

    it('a masked key', async () => {
      store.put('system', name, ed, gpg.export([ed]));
      const signature = gpg.sign(image, { by: [ed] });
      await store.verify(image, signature, name);
      const mask = store.put('local', name, ed, '');
      await refuses(
        'signature-key-untrusted',
        store.verify(image, signature, name),
        new RegExp(`${mask} takes the trust`),
      );
      await refuses('signature-key-untrusted', store.verify(image, signature, undefined));
    });

    it('several signatures, none good, and says why of each', async () => {
      trust(ed, 'elsewhere.org');
      const signature = gpg.sign(image, { by: [other, ed] });
      await refuses(
        'signature-key-untrusted',
        store.verify(image, signature, name),
        /none of 2 signatures.*elsewhere.*nobody/,
      );
    });

    it('what is not a detached signature', async () => {
      trust(ed);
      const armored = gpg.sign(image, { by: [ed] });
      const binary = gpg.sign(image, { by: [ed], armored: false });
      const bad = (bytes: Buffer, why: RegExp) => refuses('signature-malformed', store.verify(image, bytes, name), why);
      await bad(Buffer.alloc(0), /is empty/);
      await bad(Buffer.from('hello'), /no signature/);
      await bad(image, /no signature/);
      await bad(Buffer.from([0x88, 0xff, 1, 2, 3]), /image\.aci\.asc: /);
      await bad(binary.subarray(0, -5), /image\.aci\.asc: /);
      await bad(armored.subarray(0, -40), /does not end/);
      await bad(Buffer.from(armored.toString().replace(/=....\n-/, '=AAAA\n-')), /checksum/);
      await bad(gpg.export([ed]), /no signature/);
      await bad(gpg.export([ed], { armored: false }), /image\.aci\.asc: /);
      await bad(Buffer.alloc(MAX_SIGNATURE_SIZE + 1, 0x88), /larger than a signature/);
      await bad(Buffer.concat(Array(17).fill(binary)), /more than 16/);
    });

    it('garbage, always with an error of its own', async () => {
      trust(ed);
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (bytes) => {
          await assert.rejects(store.verify(image, Buffer.from(bytes), name), PodctlError);
        }),
        { numRuns: 50 },
      );
    });

    it('a keystore file that holds another key than its name says', async () => {
      store.put('local', name, ed, gpg.export([other]));
      const signature = gpg.sign(image, { by: [ed] });
      await refuses(
        'signature-key-unknown',
        store.verify(image, signature, name),
        /unusable: .*not the one its name says/,
      );
      store.put('local', name, ed, 'rubbish');
      await refuses('signature-key-unknown', store.verify(image, signature, name), /unusable: /);
    });
  });

  describe('asked again later', () => {
    it('holds as long as the key file is there, unmasked, the same, and not past its end', async () => {
      const file = trust(ed, 'example.com');
      const recorded = await store.verify(image, gpg.sign(image, { by: [ed] }), name);
      const holds = (more = {}, now = Date.now) =>
        signatureVerifier(store, now).stillTrusted({ ...recorded, ...more }, name);
      assert.ok(holds());
      assert.ok(holds({ expiresAt: Date.now() + DAY }));
      assert.ok(!holds({ expiresAt: Date.now() + DAY }, () => Date.now() + DAY));
      assert.ok(!holds({ prefix: '' }));
      assert.ok(!signatureVerifier(store).stillTrusted(recorded, 'example.org/hello'));
      const mask = store.put('user', 'example.com', ed, '');
      assert.ok(!holds());
      fs.unlinkSync(mask);
      fs.appendFileSync(file, '\n');
      assert.ok(!holds());
      fs.unlinkSync(file);
      assert.ok(!holds());
    });
  });
});
