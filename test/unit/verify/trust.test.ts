import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describeTrusted, type Review, type Trusted, trustKeys } from '../../../stage0/image/verify/trust';
import { Gpg } from '../../fixtures/gpg';
import { Keystore, refuses } from './place';

const SKIP: Review = { kind: 'skip' };

describe('trust', function () {
  this.timeout(30_000);
  const gpg = new Gpg();
  let store: Keystore;
  let one: string;
  let two: string;
  before(() => {
    one = gpg.key('one');
    gpg.subkey(one);
    two = gpg.key('two');
  });
  after(() => gpg.close());
  beforeEach(() => {
    store = new Keystore();
  });
  afterEach(() => store.close());

  const file = (name: string, content: Buffer | string): string => {
    const full = path.join(store.root, name);
    fs.writeFileSync(full, content);
    return full;
  };
  const trust = (keyFiles: readonly string[], prefix = 'a/b', review: Review = SKIP): Promise<readonly Trusted[]> =>
    trustKeys(store, { keyFiles, prefix, review });
  const unchanged = (): void => assert.ok(!fs.existsSync(store.local));

  it('adds keys, armoured or binary, also several of one file', async () => {
    const results = await trust([file('ring', gpg.export([one, two], { armored: false }))]);
    const paths = [one, two].map((key) => path.join(store.local, 'trustedkeys/prefix.d/a/b', key.toLowerCase()));
    assert.deepEqual(
      results.map(describeTrusted).sort(),
      paths.map((at) => `Added key for prefix "a/b" at "${at}"`).sort(),
    );
    for (const at of paths) assert.match(fs.readFileSync(at, 'utf8'), /^-----BEGIN PGP PUBLIC KEY BLOCK-----/);
    const signature = gpg.sign('image', { by: [`${one}!`] });
    assert.equal((await store.verify(Buffer.from('image'), signature, 'a/b/c')).fingerprint, one);
  });

  it('adds root keys, and updates', async () => {
    const key = file('key', gpg.export([two]));
    const at = path.join(store.local, 'trustedkeys/root.d', two.toLowerCase());
    assert.deepEqual((await trust([key], '')).map(describeTrusted), [`Added root key at "${at}"`]);
    assert.deepEqual((await trust([key], '')).map(describeTrusted), [`Updated root key at "${at}"`]);
  });

  it('shows the fingerprints, and leaves out what is declined', async () => {
    const asked: string[] = [];
    const files = [file('1', gpg.export([one])), file('2', gpg.export([two]))];
    const confirm = async (text: string): Promise<boolean> => asked.push(text) === 1;
    const results = await trust(files, 'a/b', { kind: 'ask', confirm });
    const spaced = one.match(/.{4}/g)?.join(' ');
    assert.match(
      asked[0] ?? '',
      new RegExp(`^prefix: "a/b"\nkey: "${files[0]}"\ngpg key fingerprint is: ${spaced}\n    Subkey`),
    );
    assert.match(asked[0] ?? '', /\tone <one@example\.com>\n$/);
    assert.deepEqual(
      results.map(({ kind }) => kind),
      ['added', 'declined'],
    );
    assert.equal(describeTrusted(results[1] as Trusted), `Not trusting "${files[1]}"`);
  });

  it('does not happen without review', async () => {
    const key = file('1', gpg.export([one]));
    await refuses(
      'trust-needs-review',
      trust([key], 'a', { kind: 'impossible' }),
      /no terminal.*\n.*--skip-fingerprint-review/,
    );
    unchanged();
  });

  it('happens for all keys or for none', async () => {
    const good = file('good', gpg.export([one]));
    await refuses('key-private', trust([good, file('bad', gpg.exportSecret(two))]), /holds a private key/);
    await refuses('key-private', trust([good, file('bad', fs.readFileSync(dearmored(gpg.exportSecret(two))))]));
    await refuses('key-invalid', trust([good, file('bad', 'rubbish')]), /bad: there is no OpenPGP key/);
    await refuses('key-invalid', trust([good, file('bad', '')]));
    await refuses('key-invalid', trust([good, file('bad', gpg.sign('x', { by: [one] }))]));
    await refuses('key-invalid', trust([good, file('bad', Buffer.alloc((1 << 20) + 1))]), /larger than a key/);
    await refuses('io', trust([good, path.join(store.root, 'nothing')]), /nothing/);
    await refuses('invalid-name', trust([good], '../x'));
    unchanged();
  });

  const dearmored = (armored: Buffer): string => {
    const body = armored.toString().replace(/^-.*$|^=.*$/gm, '');
    return file('dearmored', Buffer.from(body, 'base64'));
  };

  it('refuses keys with which nothing could be verified', async () => {
    const expired = gpg.key('expired', { at: '2020-01-01T00:00:00', expires: '30d' });
    const certify = gpg.key('certify', { usage: 'cert' });
    const short = gpg.key('short', { algorithm: 'rsa1024' });
    const cases = [
      [expired, /expired on 2020-01-31/],
      [certify, /cannot sign images/],
      [short, /RSA-1024/],
    ] as const;
    for (const [key, why] of cases) await refuses('key-unusable', trust([file('k', gpg.export([key]))]), why);
    unchanged();
  });

  it('of a revoked key brings the revocation to every copy that is trusted', async () => {
    const key = gpg.key('revoked');
    const innocent = gpg.export([key]);
    const signature = gpg.sign('image', { by: [key] });
    gpg.revoke(key);
    const revoked = file('revoked', gpg.export([key]));
    await refuses('key-unusable', trust([revoked]), /was revoked/);
    unchanged();
    store.put('system', 'x', key, innocent);
    await trust([file('innocent', innocent)], 'y');
    const results = await trust([revoked], 'z');
    assert.deepEqual(results.map((result) => result.kind === 'updated' && result.prefix).sort(), ['x', 'y']);
    for (const prefix of ['x', 'y']) {
      await refuses('signature-key-revoked', store.verify(Buffer.from('image'), signature, prefix));
    }
  });

  it('shows user IDs without their control characters', async () => {
    const key = gpg.key('evil\u202e\u001b[2J');
    let shown = '';
    const confirm = async (text: string): Promise<boolean> => {
      shown = text;
      return false;
    };
    await trust([file('k', gpg.export([key]))], 'a', { kind: 'ask', confirm });
    assert.match(shown, /\tevil\ufffd\ufffd\[2J <evil/);
    assert.doesNotMatch(shown, /[^\P{Cc}\t\n]|\p{Bidi_Control}/u);
  });
});
