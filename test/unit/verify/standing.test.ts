/** What `podctl trust --list` says of a key is what verification does with what the key signs. */
import assert from 'node:assert/strict';
import { PodctlError } from '#kernel/errors';
import { listKeys } from '../../../stage0/image/verify/inventory';
import { Gpg } from '../../fixtures/gpg';
import { image, Keystore, name } from './place';

const OLD = '2020-01-01T00:00:00';
const WHEN_OLD = '2020-01-05T00:00:00';

/** How a key is made: its fingerprint, and when it can sign. */
type Make = (gpg: Gpg) => { readonly key: string; readonly at?: string };

const KEYS: readonly (readonly [what: string, state: string, make: Make])[] = [
  ['a key that signs itself', 'trusted', (gpg) => ({ key: gpg.key('plain') })],
  [
    'a key that certifies alone, with a subkey that signs',
    'trusted',
    (gpg) => {
      const key = gpg.key('subkey', { usage: 'cert' });
      gpg.subkey(key);
      return { key };
    },
  ],
  [
    'one whose only subkey that signs has expired',
    'expired',
    (gpg) => {
      const key = gpg.key('sub-expired', { usage: 'cert', at: OLD });
      gpg.subkey(key, { at: OLD, expires: '30d' });
      return { key, at: WHEN_OLD };
    },
  ],
  [
    'one whose only subkey that signs was revoked',
    'revoked',
    (gpg) => {
      const key = gpg.key('sub-revoked', { usage: 'cert' });
      gpg.subkey(key);
      return { key };
    },
  ],
  [
    'one whose only subkey that signs is too short',
    'weak',
    (gpg) => {
      const key = gpg.key('sub-weak', { usage: 'cert' });
      gpg.subkey(key, { algorithm: 'rsa1024' });
      return { key };
    },
  ],
  [
    'one that has expired, its subkey not',
    'expired',
    (gpg) => {
      const key = gpg.key('expired', { usage: 'cert', at: OLD, expires: '30d' });
      gpg.subkey(key, { at: OLD });
      return { key, at: WHEN_OLD };
    },
  ],
];

describe('the state of a key in the list', function () {
  this.timeout(30_000);
  const gpg = new Gpg();
  let store: Keystore;
  beforeEach(() => {
    store = new Keystore();
  });
  afterEach(() => store.close());
  after(() => gpg.close());

  const stateOf = async (key: string): Promise<string | undefined> =>
    (await listKeys(store, name)).keys.find(({ file }) => file.fingerprint === key.toLowerCase())?.state;
  const accepts = async (signature: Buffer): Promise<boolean> => {
    try {
      await store.verify(image, signature, name);
      return true;
    } catch (error) {
      if (error instanceof PodctlError) return false;
      throw error;
    }
  };

  for (const [what, state, make] of KEYS) {
    it(`${state}: ${what}; verification says the same`, async () => {
      const { key, at } = make(gpg);
      const signature = gpg.sign(image, { by: [key], ...(at === undefined ? {} : { at }) });
      if (state === 'revoked') gpg.revokeSubkey(key);
      store.put('local', name, key, gpg.export([key]));
      assert.equal(await stateOf(key), state);
      assert.equal(await accepts(signature), state === 'trusted');
    });
  }

  it('unfit: one that may not sign data', async () => {
    const key = gpg.key('unfit', { usage: 'cert' });
    gpg.subkey(key, { algorithm: 'cv25519', usage: 'encr' });
    store.put('local', name, key, gpg.export([key]));
    assert.equal(await stateOf(key), 'unfit');
  });

  it('revoked: one that another file of the keystore knows to be revoked', async () => {
    const key = gpg.key('known-elsewhere');
    store.put('local', name, key, gpg.export([key]));
    const signature = gpg.sign(image, { by: [key] });
    assert.deepEqual([await stateOf(key), await accepts(signature)], ['trusted', true]);
    gpg.revoke(key);
    store.put('local', 'elsewhere.org', key, gpg.export([key]));
    assert.deepEqual([await stateOf(key), await accepts(signature)], ['revoked', false]);
  });

  it('tells of each subkey by itself', async () => {
    const key = gpg.key('several', { usage: 'cert', at: OLD });
    gpg.subkey(key, { at: OLD, expires: '30d' });
    gpg.subkey(key, { algorithm: 'rsa2048' });
    store.put('local', name, key, gpg.export([key]));
    const [found] = (await listKeys(store, name)).keys;
    assert.equal(found?.state, 'trusted');
    assert.deepEqual(
      found?.facts?.subkeys.map(({ standing }) => standing),
      ['expired', 'good'],
    );
    assert.equal(found?.facts?.standing, 'unfit');
  });
});
