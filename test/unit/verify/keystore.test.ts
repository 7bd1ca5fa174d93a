import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { allKeys, effective, keyFor } from '../../../stage0/image/verify/keystore';
import { addKey, removeKey } from '../../../stage0/image/verify/keystore-change';
import { covers, prefixesOf } from '../../../stage0/image/verify/prefix';
import { Keystore, refuses } from './place';

const A = 'a'.repeat(40);
const B = 'b'.repeat(64);

describe('keystore prefixes', () => {
  it('cover by components', () => {
    assert.ok(covers('example.com/foo', 'example.com/foo'));
    assert.ok(covers('example.com/foo', 'example.com/foo/bar'));
    assert.ok(covers('', 'anything'));
    assert.ok(!covers('example.com/f', 'example.com/foo'));
    assert.ok(!covers('example.com/foo', 'example.com'));
    assert.ok(!covers('example.com/foo', 'example.com/foo-bar'));
    assert.ok(!covers('example.com', 'Example.com/foo'));
    assert.ok(!covers('example.com/caf\u00e9', 'example.com/cafe\u0301'));
  });

  it('of a name are exactly those that cover it', () => {
    const name = fc
      .array(fc.constantFrom('a', 'b', 'ab'), { minLength: 1, maxLength: 4 })
      .map((parts) => parts.join('/'));
    fc.assert(fc.property(name, name, (one, other) => prefixesOf(other).includes(one) === covers(one, other)));
  });
});

describe('keystore', () => {
  let store: Keystore;
  beforeEach(() => {
    store = new Keystore();
  });
  afterEach(() => store.close());

  const trusts = (name: string, fingerprint: string): string | undefined => {
    const direct = keyFor(store, name, fingerprint)?.path;
    assert.equal(effective(allKeys(store).files, name).get(fingerprint)?.path, direct);
    return direct;
  };

  it('that is not there is empty', () => {
    assert.deepEqual(allKeys(store), { files: [], strays: [] });
    assert.equal(trusts('example.com', A), undefined);
  });

  it('keeps the keys of a prefix in nested directories, as rkt does', () => {
    const file = addKey(store, 'example.com/foo', A, 'key');
    assert.equal(file, path.join(store.local, 'trustedkeys/prefix.d/example.com/foo', A));
    assert.equal(fs.statSync(file).mode & 0o777, 0o644);
    assert.equal(trusts('example.com/foo/bar', A), file);
    assert.equal(trusts('example.com/foobar', A), undefined);
    assert.equal(trusts('example.com', A), undefined);
    assert.deepEqual(fs.readdirSync(path.dirname(file)), [A]);
  });

  it('has root keys for every name, and 64-digit fingerprints', () => {
    const file = addKey(store, '', B, 'key');
    assert.equal(trusts('x', B), file);
    assert.equal(file, path.join(store.local, 'trustedkeys/root.d', B));
  });

  it('is read from all layers, the later before the earlier', () => {
    const system = store.put('system', 'a', A, 'old');
    assert.equal(trusts('a', A), system);
    const local = store.put('local', 'a', A, 'new');
    assert.equal(trusts('a', A), local);
    assert.equal(trusts('a/b', A), local);
    assert.equal(trusts('a', A), local);
    assert.equal(store.put('user', 'a', A, 'newest'), trusts('a', A));
  });

  it('loses a key by an empty file of the local directory', () => {
    store.put('system', 'a', A, 'key');
    store.put('system', '', B, 'key');
    store.put('local', 'a', A, '');
    assert.equal(trusts('a', A), undefined);
    assert.equal(trusts('a/b', A), undefined);
    store.put('local', 'a/b', B, '');
    assert.equal(trusts('a/b', B), undefined, 'a root key can be masked for a prefix');
    assert.notEqual(trusts('a', B), undefined);
  });

  it('keeps a prefix key whose root key is masked, as rkt does', () => {
    store.put('system', '', A, 'key');
    const file = store.put('system', 'a', A, 'key');
    store.put('local', '', A, '');
    assert.equal(trusts('a', A), file);
    assert.equal(trusts('b', A), undefined);
  });

  it('loses a key by a link to /dev/null', () => {
    store.put('system', '', A, 'key');
    const mask = store.put('local', '', A, '');
    fs.unlinkSync(mask);
    fs.symlinkSync('/dev/null', mask);
    assert.equal(trusts('a', A), undefined);
  });

  it('does not look at files that are not named like keys, and says so', () => {
    store.put('local', 'a', 'readme', 'x');
    const upper = path.join(store.local, 'trustedkeys/root.d', A.toUpperCase());
    fs.mkdirSync(path.dirname(upper));
    fs.writeFileSync(upper, 'key');
    fs.mkdirSync(path.join(store.local, 'trustedkeys/root.d/below'));
    fs.writeFileSync(path.join(store.local, 'trustedkeys/prefix.d', A), 'key');
    fs.mkdirSync(path.join(store.local, 'trustedkeys/prefix.d/Upper'));
    const { files, strays } = allKeys(store);
    assert.deepEqual(files, []);
    assert.deepEqual(strays.map((stray) => path.basename(stray)).sort(), [
      A.toUpperCase(),
      'Upper',
      A,
      'below',
      'readme',
    ]);
    assert.equal(trusts('a', A), undefined);
  });

  it('removes what it added, and masks what the system ships', async () => {
    const file = addKey(store, 'a', A, 'key');
    assert.equal(removeKey(store, 'a', A), file);
    assert.ok(!fs.existsSync(file));
    await refuses('key-not-trusted', (async () => removeKey(store, 'a', A))(), /AAAA.* for prefix "a"/);
    store.put('system', 'a', A, 'key');
    assert.equal(removeKey(store, 'a', A), file);
    assert.equal(fs.statSync(file).size, 0);
    assert.equal(trusts('a', A), undefined);
    await refuses('key-not-trusted', (async () => removeKey(store, 'a', A))());
    addKey(store, 'a', A, 'key');
    assert.equal(trusts('a', A), file, 'adding it again unmasks it');
  });

  for (const prefix of ['../etc', 'a/../b', '/a', 'a/', 'A', 'a//b', 'caf\u00e9', 'a b', '.']) {
    it(`refuses the prefix ${prefix}`, async () => {
      await refuses('invalid-name', (async () => addKey(store, prefix, A, 'key'))(), /is not an image name/);
      assert.deepEqual(fs.readdirSync(store.root), []);
    });
  }
});
