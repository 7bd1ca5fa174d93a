import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { Digest } from '../../../../../stage0/image/docker/port';
import { type SignatureWorld, verifyImage } from '../../../../../stage0/image/docker/registry/image-signature';
import { type Decision, decide } from '../../../../../stage0/image/docker/registry/policy';
import { acNameOf, parseRegistryReference } from '../../../../../stage0/image/docker/registry/reference';
import { HttpClient } from '../../../../../stage0/image/fetch/http/client';
import { trustKeys } from '../../../../../stage0/image/verify/trust';
import { DockerRegistry } from '../../../../fixtures/docker-registry';
import { rejectsCode } from '../../../../fixtures/expect';
import { Gpg } from '../../../../fixtures/gpg';
import { type LayoutImage, ociLayout } from '../../../../fixtures/oci-layout';
import { scratchDirectory } from '../../../../fixtures/scratch';
import { content, Web } from '../../../../fixtures/web';

const SIGNED: Decision = {
  require: 'signature',
  keys: undefined,
  signedAs: undefined,
  prefix: undefined,
  demanded: true,
};

describe('signatures of images of registries', () => {
  const scratch = scratchDirectory();
  const gpg = new Gpg();
  let alice: string;
  let bob: string;
  let web: Web;
  let world: SignatureWorld;
  let lookaside: string;
  before(() => {
    alice = gpg.key('alice');
    bob = gpg.key('bob', { algorithm: 'rsa2048' });
  });
  after(() => gpg.close());
  beforeEach(async () => {
    web = await Web.open();
    lookaside = path.join(scratch(), 'lookaside');
    const keys = { system: path.join(scratch(), 'system'), local: path.join(scratch(), 'local') };
    const client = new HttpClient(web.settings());
    world = { client, keys, lookasides: [`file://${lookaside}`], now: Date.now };
  });
  afterEach(() => web.close());

  const trust = async (fingerprint: string, prefix: string): Promise<void> => {
    const bytes = gpg.export([fingerprint]);
    const request = { keyFiles: [{ origin: 'key', bytes }], prefix, review: { kind: 'skip' } } as const;
    await trustKeys(world.keys, request);
  };
  const verify = (
    reference: string,
    digests: readonly string[],
    decision = SIGNED,
    more: Partial<SignatureWorld> = {},
  ) => {
    const parsed = parseRegistryReference(reference);
    const image = { reference: parsed, digests: digests as Digest[], name: acNameOf(parsed) };
    return verifyImage(image, decision, { ...world, ...more });
  };

  describe('as skopeo makes them', () => {
    let registry: DockerRegistry;
    let image: LayoutImage;
    let name: string;
    /** Pushes with a signature, which lands in the lookaside directory. */
    const push = (to: string, by: string): Promise<void> => {
      const configuration = path.join(scratch(), 'registries.d');
      fs.mkdirSync(configuration, { recursive: true });
      const places = { 'lookaside-staging': `file://${lookaside}`, 'sigstore-staging': `file://${lookaside}` };
      fs.writeFileSync(path.join(configuration, 'a.yaml'), JSON.stringify({ 'default-docker': places }));
      const args = ['--registries.d', configuration, '--sign-by', by];
      return registry.push(image.source, to, args, undefined, gpg.environment);
    };
    beforeEach(async () => {
      image = ociLayout(path.join(scratch(), 'layout'), [Buffer.from('one')]);
      registry = await DockerRegistry.start(scratch());
      await push('shop/web:v1', alice);
      name = `${registry.host}/shop/web:v1`;
      await trust(alice, acNameOf(parseRegistryReference(name)));
    });
    afterEach(() => registry.stop());

    it('count by tag and by digest, from a directory and from a web server', async () => {
      const found = await verify(name, [image.manifest.digest]);
      assert.equal(found.fingerprint, alice);
      assert.equal(found.keyOwner, 'alice <alice@example.com>');
      const byDigest = `${registry.host}/shop/web@${image.manifest.digest}`;
      await verify(byDigest, [image.manifest.digest]);
      const file = `shop/web@${image.manifest.digest.replace(':', '=')}/signature-1`;
      web.on(`signatures.example.com/base/${file}`, content(fs.readFileSync(path.join(lookaside, file))));
      await verify(name, [image.manifest.digest], SIGNED, { lookasides: ['https://signatures.example.com/base/'] });
      assert.equal(web.urls.length, 1);
    });
    it('of one digest of two are enough: the index, or the image chosen of it', async () => {
      await verify(name, [`sha256:${'0'.repeat(64)}`, image.manifest.digest]);
    });
    it('do not count for another tag, repository, host or digest, wherever they lie', async () => {
      const digest = image.manifest.digest;
      await rejectsCode('signature-invalid', verify(`${registry.host}/shop/web:v2`, [digest]), /shop\/web:v1", not of/);
      await rejectsCode('signature-missing', verify(`${registry.host}/shop/other:v1`, [digest]));
      await rejectsCode('signature-missing', verify(name, [`sha256:${'0'.repeat(64)}`]));
      await trust(alice, 'registry.example.com');
      await rejectsCode('signature-invalid', verify('registry.example.com/shop/web:v1', [digest]), /not of registry/);
      const other = `sha256:${'0'.repeat(64)}`;
      const from = path.join(lookaside, `shop/web@${digest.replace(':', '=')}`);
      fs.cpSync(from, path.join(lookaside, `shop/web@${other.replace(':', '=')}`), { recursive: true });
      await rejectsCode('signature-invalid', verify(name, [other]), /the signature is of sha256/);
    });
    it('count under a mirror’s name only where the policy says so', async () => {
      await trust(alice, 'mirror.example.com');
      const [prefix, signedAs] = ['mirror.example.com/copy', `${registry.host}/shop`];
      const decision = { ...SIGNED, prefix, signedAs };
      const mirrored = 'mirror.example.com/copy/web:v1';
      fs.renameSync(path.join(lookaside, 'shop'), path.join(lookaside, 'copy'));
      await rejectsCode('signature-invalid', verify(mirrored, [image.manifest.digest]));
      await verify(mirrored, [image.manifest.digest], decision);
    });
    it('by a key that is not trusted for the name, or not named by the policy', async () => {
      await trust(bob, 'example.com');
      await push('shop/bob:v1', bob);
      const bobs = `${registry.host}/shop/bob:v1`;
      await rejectsCode(
        'signature-key-untrusted',
        verify(bobs, [image.manifest.digest]),
        /trusted for prefix "example.com"/,
      );
      const only = { ...SIGNED, keys: [bob.toLowerCase()], prefix: 'x' };
      await rejectsCode('signature-key-untrusted', verify(name, [image.manifest.digest], only), /does not name/);
      await verify(name, [image.manifest.digest], { ...only, keys: [alice.toLowerCase()] });
    });
    it('one good one of several is enough', async () => {
      // skopeo replaces signatures when it pushes the same image again.
      const directory = path.join(lookaside, `shop/web@${image.manifest.digest.replace(':', '=')}`);
      const good = fs.readFileSync(path.join(directory, 'signature-1'));
      await push('shop/web:v1', bob);
      fs.writeFileSync(path.join(directory, 'signature-2'), good);
      assert.equal((await verify(name, [image.manifest.digest])).fingerprint, alice);
    });
  });

  describe('that are not as they should be', () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    const good = {
      critical: {
        type: 'atomic container signature',
        image: { 'docker-manifest-digest': digest },
        identity: { 'docker-reference': 'example.com/app:v1' },
      },
      optional: { creator: 'test', timestamp: 1 },
    };
    const place = (bytes: Buffer): void => {
      const directory = path.join(lookaside, `app@${digest.replace(':', '=')}`);
      fs.mkdirSync(directory, { recursive: true });
      fs.writeFileSync(path.join(directory, 'signature-1'), bytes);
    };
    const verifyPlaced = () => verify('example.com/app:v1', [digest]);
    beforeEach(() => trust(alice, 'example.com'));

    it('(a good one counts)', async () => {
      place(gpg.signedMessage(JSON.stringify(good), alice));
      await verifyPlaced();
      place(gpg.signedMessage(JSON.stringify(good), alice, ['--armor', '--compress-algo', 'none']));
      await verifyPlaced();
    });
    for (const [what, claim] of [
      ['another type', { ...good, critical: { ...good.critical, type: 'x' } }],
      ['something critical that nobody knows', { ...good, critical: { ...good.critical, expires: 1 } }],
      ['no digest', { ...good, critical: { ...good.critical, image: {} } }],
      ['no name', { ...good, critical: { ...good.critical, identity: {} } }],
      ['more than critical and optional', { ...good, x: 1 }],
      ['nothing', null],
    ] as const) {
      it(`sign ${what}`, async () => {
        place(gpg.signedMessage(JSON.stringify(claim), alice));
        await rejectsCode('signature-malformed', verifyPlaced());
      });
    }
    it('sign a name that is none', async () => {
      const critical = { ...good.critical, identity: { 'docker-reference': '../../etc' } };
      place(gpg.signedMessage(JSON.stringify({ critical }), alice));
      await rejectsCode('signature-invalid', verifyPlaced());
    });
    it('are detached, empty, too large, damaged, a bomb', async () => {
      const message = gpg.signedMessage(JSON.stringify(good), alice, ['--compress-algo', 'none']);
      const damaged = Buffer.from(message);
      damaged.write('B', damaged.indexOf('atomic'));
      const bomb = gpg.signedMessage(' '.repeat(20 << 20), alice);
      assert.ok(bomb.length < 64 * 1024, 'it would be refused for its size alone');
      for (const [bytes, code] of [
        [gpg.sign(JSON.stringify(good), { by: [alice], armored: false }), 'signature-malformed'],
        [Buffer.alloc(0), 'signature-malformed'],
        [Buffer.alloc(100_000), 'signature-malformed'],
        [damaged, 'signature-invalid'],
        [bomb, 'signature-malformed'],
      ] as const) {
        place(bytes);
        await rejectsCode(code, verifyPlaced());
      }
    });
    it('by a key nobody knows, by a weak hash', async () => {
      place(gpg.signedMessage(JSON.stringify(good), bob));
      await rejectsCode('signature-key-unknown', verifyPlaced());
      place(gpg.signedMessage(JSON.stringify(good), alice, ['--digest-algo', 'SHA1']));
      await rejectsCode('signature-weak', verifyPlaced());
    });
    it('on a server that fails: that is no proof that there are none', async () => {
      web.on(`signatures.example.com/app@${digest.replace(':', '=')}/signature-1`, content('', {}, 500));
      const lookasides = ['https://signatures.example.com'];
      await rejectsCode('fetch-status', verify('example.com/app:v1', [digest], SIGNED, { lookasides }));
    });
  });
});

describe('the policy of images', () => {
  const rule = (require: 'signature' | 'reject' | 'digest-only') => ({ require, keys: undefined, signedAs: undefined });
  const policies = new Map([
    ['*', rule('digest-only')],
    ['docker.io', rule('reject')],
    ['index.docker.io/library', rule('signature')],
    ['example.com/shop/', rule('signature')],
  ]);
  for (const [repository, signed, require, prefix] of [
    ['docker.io/library/busybox', false, 'signature', 'index.docker.io/library'],
    ['docker.io/libraries/busybox', false, 'reject', 'docker.io'],
    ['docker.io/libraries/busybox', true, 'reject', 'docker.io'],
    ['example.com/shop/web', false, 'signature', 'example.com/shop/'],
    ['example.com/shopping/web', false, 'digest-only', '*'],
    ['example.com/shopping/web', true, 'signature', '*'],
  ] as const) {
    it(`${repository}${signed ? ' with --signed' : ''}: ${require}`, () => {
      const decision = decide(policies, repository, signed);
      assert.deepEqual([decision.require, decision.prefix], [require, prefix]);
    });
  }
  it('without rules: digests, with --signed signatures', () => {
    assert.equal(decide(new Map(), 'example.com/a', false).require, 'digest-only');
    assert.equal(decide(new Map(), 'example.com/a', true).require, 'signature');
  });
});
