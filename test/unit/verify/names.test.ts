/** Names that only look like another, or that something on the way might fold into it, are other names or none at all. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { decodeImageManifest } from '../../../stage0/image/manifest';
import { parseImageReference } from '../../../stage0/image/reference';
import { allKeys, effective, keyFor } from '../../../stage0/image/verify/keystore';
import { checkPrefix } from '../../../stage0/image/verify/keystore-change';
import { trustKeys } from '../../../stage0/image/verify/trust';
import { aciManifest } from '../../fixtures/aci';
import { Gpg } from '../../fixtures/gpg';
import { image, Keystore, refuses } from './place';

const NAME = 'example.com/cafe';

/** None of them is a name (appc T1: lower-case ASCII, digits, single separators). */
const NO_NAMES: readonly (readonly [string, string])[] = [
  ['upper case', 'Example.com/cafe'],
  ['upper case below the host', 'example.com/Cafe'],
  ['the Kelvin sign, which is k in lower case', 'example.com/\u212aey'],
  ['dotless i', 'example.com/f\u0131le'],
  ['Cyrillic e', 'exampl\u0435.com/cafe'],
  ['Greek omicron', 'example.c\u03bfm/cafe'],
  ['a full-width letter', 'example.com/\uff43afe'],
  ['a composed accent (NFC)', 'example.com/caf\u00e9'],
  ['a combining accent (NFD)', 'example.com/cafe\u0301'],
  ['a ligature, which NFKC takes apart', 'example.com/\ufb01le'],
  ['a long s, which case folding makes an s', 'example.com/\u017ftore'],
  ['a zero-width space', 'example.com/ca\u200bfe'],
  ['a right-to-left override', 'example.com/\u202eefac'],
  ['an ideographic full stop, which IDNA makes a dot', 'example\u3002com/cafe'],
  ['a full-width slash', 'example.com\uff0fcafe'],
  ['a division slash', 'example.com\u2215cafe'],
  ['a percent-encoded letter', 'example.com/caf%65'],
  ['a percent-encoded slash', 'example.com%2fcafe'],
  ['a trailing dot of the host', 'example.com./cafe'],
  ['a trailing dot', 'example.com.'],
  ['a trailing slash', 'example.com/cafe/'],
  ['a double slash', 'example.com//cafe'],
  ['a dot component', 'example.com/./cafe'],
  ['a dotdot component', 'example.com/x/../cafe'],
  ['a backslash', 'example.com\\cafe'],
  ['NUL', 'example.com/cafe\0'],
  ['a newline', 'example.com/cafe\n'],
  ['a space', 'example.com/cafe '],
  ['user and host', 'example.com@evil.org/cafe'],
];

describe('names that only look the same', function () {
  this.timeout(30_000);
  const gpg = new Gpg();
  let store: Keystore;
  let key: string;
  before(() => {
    key = gpg.key('names');
  });
  after(() => gpg.close());
  beforeEach(() => {
    store = new Keystore();
  });
  afterEach(() => store.close());

  for (const [trick, name] of NO_NAMES) {
    it(`T1 ${trick}: no image has it, none is asked for by it, no key counts for it`, async () => {
      await refuses('image-manifest-invalid', (async () => decodeImageManifest(Buffer.from(aciManifest({ name }))))());
      await refuses('image-reference-invalid', (async () => parseImageReference(name))());
      await refuses('invalid-name', (async () => checkPrefix(name))());
      const bytes = gpg.export([key]);
      const request = { keyFiles: [{ origin: 'k', bytes }], prefix: name, review: { kind: 'skip' } as const };
      await refuses('invalid-name', trustKeys(store, request));
      // Not even a key that counts for the host, if such a name came in some other way.
      store.put('local', 'example.com/cafe', key, bytes);
      store.put('system', '', key, bytes);
      assert.equal(keyFor(store, name, key.toLowerCase()), undefined);
      assert.equal(effective(allKeys(store).files, name).size, 0);
      await refuses('signature-key-untrusted', store.verify(image, gpg.sign(image, { by: [key] }), name));
    });
  }

  for (const [prefix, name] of [
    ['example.com/foo', 'example.com/foobar'],
    ['example.com/foo', 'example.com/foo-bar'],
    ['example.com/foo', 'example.com/foo.bar'],
    ['example.com/foo', 'example.com/foo~bar'],
    ['example.com', 'example.com.evil.org/foo'],
    ['example.com', 'example.community'],
    ['example.com', 'sub.example.com'],
    ['example.com/foo', 'example.com'],
    ['example.com/l1', 'example.com/ll'],
    ['example.com/o', 'example.com/0'],
  ] as const) {
    it(`X2 a key for ${prefix} does not count for ${name}`, async () => {
      store.put('local', prefix, key, gpg.export([key]));
      const signature = gpg.sign(image, { by: [key] });
      assert.equal((await store.verify(image, signature, `${prefix}/below`)).prefix, prefix);
      await refuses('signature-key-untrusted', store.verify(image, signature, name));
    });
  }

  it('a directory of the keystore that is named like one in disguise is told as stray, and its keys count for nothing', () => {
    for (const [, name] of NO_NAMES.filter(([, one]) => !/[\0/\\]/.test(one.replace('example.com/', '')))) {
      const [first = '', second = ''] = name.split('/');
      const directory = `${store.local}/trustedkeys/prefix.d/${first}/${second}`;
      fs.mkdirSync(directory, { recursive: true });
      fs.writeFileSync(`${directory}/${key.toLowerCase()}`, 'key');
    }
    const { files, strays } = allKeys(store);
    assert.deepEqual(files, []);
    assert.ok(strays.length > 10, strays.join('\n'));
    assert.equal(effective(files, NAME).size, 0);
  });
});
