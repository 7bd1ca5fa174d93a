/** `podctl run --signed`: what runs is what a key trusted for that name has signed; everything else leaves nothing. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { busyboxAci } from '../fixtures/aci';
import { Gpg } from '../fixtures/gpg';
import { needsHost, Rig } from '../rig/rig';

const NAME = 'example.com/foo';

describe('run --signed', () => {
  let gpg: Gpg;
  let rig: Rig;
  let trusted: string;
  let image: Buffer;
  let signature: Buffer;

  before(function () {
    needsHost(this);
    gpg = new Gpg();
    trusted = gpg.key('trusted');
    image = busyboxAci({ name: NAME, exec: ['/bin/echo', 'it runs'], compression: 'gzip' });
    signature = gpg.sign(image, { by: [trusted] });
  });
  beforeEach(() => {
    rig = new Rig();
    trust('example.com/foo', trusted);
  });
  afterEach(() => rig.dispose());
  after(() => gpg?.close());

  const trust = (prefix: string, key: string): string =>
    rig.ok('trust', `--prefix=${prefix}`, '--skip-fingerprint-review', rig.write('key.asc', gpg.export([key])));

  /** Runs these bytes with this signature beside them. */
  function attempt(bytes: Buffer, sig: Buffer | undefined, ...flags: string[]) {
    const file = rig.write('image.aci', bytes);
    if (sig !== undefined) rig.write('image.aci.asc', sig);
    return rig.podctl('run', '--signed', '--net=none', file, ...flags);
  }

  function refused(code: string, message: RegExp, bytes: Buffer, sig: Buffer | undefined): void {
    const { status, stdout, stderr } = attempt(bytes, sig);
    assert.deepEqual([status, stdout], [254, '']);
    assert.match(stderr, new RegExp(`^podctl: run: ${code}: `));
    assert.match(stderr, message);
    assert.equal(rig.ok('image', 'list', '--format=json'), '[]\n');
    assert.deepEqual(rig.leftovers(), []);
  }

  const flip = (bytes: Buffer, at: number): Buffer => {
    const copy = Buffer.from(bytes);
    copy[at] = (copy[at] ?? 0) ^ 1;
    return copy;
  };

  it('runs a signed image, whatever it is compressed with', () => {
    for (const compression of ['none', 'gzip', 'xz', 'bzip2'] as const) {
      const bytes = busyboxAci({ name: NAME, exec: ['/bin/echo', compression], compression });
      const { status, stdout, stderr } = attempt(bytes, gpg.sign(bytes, { by: [trusted] }));
      assert.deepEqual([status, stdout, stderr], [0, `${compression}\n`, '']);
    }
  });

  it('takes the signature from --signature, armoured or binary', () => {
    const file = rig.write('elsewhere.sig', gpg.sign(image, { by: [trusted], armored: false }));
    assert.equal(attempt(image, undefined, `--signature=${file}`).stdout, 'it runs\n');
  });

  it('covers names below the prefix, by whole components', () => {
    const below = busyboxAci({ name: `${NAME}/bar`, exec: ['/bin/true'] });
    assert.equal(attempt(below, gpg.sign(below, { by: [trusted] })).status, 0);
    const beside = busyboxAci({ name: `${NAME}bar`, exec: ['/bin/true'] });
    const { status, stderr } = attempt(beside, gpg.sign(beside, { by: [trusted] }));
    assert.equal(status, 254);
    assert.match(stderr, /signature-key-untrusted: .*example\.com\/foobar/);
  });

  it('runs a stored image by name only as long as its key is trusted', () => {
    assert.equal(attempt(image, signature).status, 0);
    assert.equal(rig.ok('run', '--signed', '--net=none', NAME), 'it runs\n');
    fs.rmSync(`${rig.configDir}/trustedkeys`, { recursive: true });
    for (const what of [NAME, `${rig.root}/image.aci`]) {
      const { status, stderr } = rig.podctl('run', '--signed', '--net=none', what);
      assert.equal(status, 254);
      assert.match(stderr, /signature-key-(untrusted|unknown)/);
    }
  });

  it('status tells who signed, with which key and when, also when the image is gone and its key trusted no more', () => {
    rig.write('image.aci.asc', signature);
    const pod = rig.ok('prepare', rig.write('image.aci', image)).trim();
    rig.ok('image', 'rm', NAME);
    rig.ok('trust', `--remove=${trusted}`);
    const line = /^app-foo-signed-by=([0-9A-F]{40}) at (\S+) \((.*)\)$/m.exec(rig.ok('status', pod));
    assert.deepEqual([line?.[1], line?.[3]], [trusted, 'trusted <trusted@example.com>']);
    const [app] = JSON.parse(rig.ok('status', '--format=json', pod)).apps;
    assert.equal(app.signed_by, trusted);
    assert.equal(new Date(app.signature.signed_at / 1e6).toISOString(), line?.[2]);
  });

  it('runs nothing that a removed key signed', () => {
    assert.equal(attempt(image, signature).status, 0);
    rig.ok('trust', `--remove=${trusted}`);
    assert.match(rig.podctl('run', '--signed', NAME).stderr, /signature-key-untrusted/);
  });

  it('refuses an image of the store that was fetched without verification', () => {
    const file = rig.write('image.aci', image);
    rig.ok('--insecure-options=image', 'fetch', file);
    const { stderr } = rig.podctl('run', '--signed', NAME);
    assert.match(stderr, /signature-missing: .*without a verified signature/);
    assert.match(rig.podctl('run', '--signed', '--insecure-options=image', NAME).stderr, /usage: .*contradict/);
  });

  it('refuses an unsigned image', () => refused('signature-missing', /no file .*image\.aci\.asc/, image, undefined));
  it('refuses a signature by a key nobody trusts', () => {
    const stranger = gpg.key('stranger');
    refused('signature-key-unknown', /hint: .*podctl trust/, image, gpg.sign(image, { by: [stranger] }));
  });
  it('refuses a key trusted for another name', () => {
    const other = gpg.key('other');
    trust('example.com/other', other);
    refused('signature-key-untrusted', /example\.com\/other/, image, gpg.sign(image, { by: [other] }));
  });
  it('example.com/f does not cover example.com/foo', () => {
    const short = gpg.key('short');
    trust('example.com/f', short);
    refused('signature-key-untrusted', /example\.com\/foo/, image, gpg.sign(image, { by: [short] }));
  });
  for (const where of [10, 5000, -1] as const) {
    it(`refuses an image with one byte changed (${where})`, () => {
      refused('signature-invalid', /./, flip(image, where < 0 ? image.length + where : where), signature);
    });
  }
  it('refuses a signature with one byte changed', () => {
    const binary = gpg.sign(image, { by: [trusted], armored: false });
    refused('signature-invalid', /./, image, flip(binary, binary.length - 5));
  });
  it('refuses the signature of another image', () => {
    refused('signature-invalid', /./, image, gpg.sign(Buffer.from('another'), { by: [trusted] }));
  });
  it('refuses what is no signature', () => refused('signature-malformed', /./, image, Buffer.from('hello')));
  it('refuses an image that was cut off', () => {
    refused('signature-invalid', /./, image.subarray(0, image.length / 2), signature);
  });
  it('refuses an expired key', () => {
    const at = '2020-01-01T00:00:00';
    const expired = gpg.key('expired', { expires: 'seconds=86400', at });
    const file = rig.write('expired.asc', gpg.export([expired]));
    assert.match(
      rig.podctl('trust', `--prefix=${NAME}`, '--skip-fingerprint-review', file).stderr,
      /key-unusable: .*expired/,
    );
    // Trusted while it was valid.
    const place = `${rig.configDir}/trustedkeys/prefix.d/${NAME}`;
    fs.writeFileSync(`${place}/${expired.toLowerCase()}`, gpg.export([expired]));
    refused('signature-key-expired', /./, image, gpg.sign(image, { by: [expired], at }));
  });
  it('refuses a revoked key', () => {
    const revoked = gpg.key('revoked');
    trust(NAME, revoked);
    const good = gpg.sign(image, { by: [revoked] });
    gpg.revoke(revoked);
    trust(NAME, revoked);
    refused('signature-key-revoked', /./, image, good);
  });
});
