/** `podctl fetch docker://…` and `podctl image policy` as they are installed, beside the real docker-registry, skopeo and gpg. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { DockerRegistry } from '../../fixtures/docker-registry';
import { Gpg } from '../../fixtures/gpg';
import { type LayoutImage, ociLayout } from '../../fixtures/oci-layout';
import { needsRoot, scratchDirectory } from '../../fixtures/scratch';

const PODCTL = path.join(__dirname, '../../../lib/podctl');
const HTTP = '--insecure-options=http';

describe('podctl and registries', function () {
  this.timeout(60_000);
  const scratch = scratchDirectory();
  const gpg = new Gpg();
  let key: string;
  let other: string;
  let image: LayoutImage;
  let registry: DockerRegistry;
  before(function () {
    needsRoot(this);
    key = gpg.key('builder');
    other = gpg.key('other');
  });
  after(() => gpg.close());
  beforeEach(async () => {
    image = ociLayout(path.join(scratch(), 'layout'), [Buffer.from('one'), Buffer.alloc(600_000, 'two')]);
    registry = await DockerRegistry.start(scratch(), { users: { me: 'secret' } });
    configure('auth.d/registry.json', 'dockerAuth', {
      registries: [`${registry.host}/shop`],
      credentials: { user: 'me', password: 'secret' },
    });
  });
  afterEach(() => registry.stop());

  const configure = (file: string, podctlKind: string, body: object): void => {
    const target = path.join(scratch(), 'etc', file);
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.writeFileSync(target, JSON.stringify({ podctlKind, podctlVersion: 'v1', ...body }));
  };
  const podctl = (...args: readonly string[]) =>
    new Promise<{ status: number | null; out: string; err: string }>((resolve) => {
      const own = [`--dir=${scratch()}/data`, `--local-config=${scratch()}/etc`, `--system-config=${scratch()}/usr`];
      const env = { PATH: process.env['PATH'], HOME: scratch() };
      const child = spawn(process.execPath, [PODCTL, ...own, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
      let [out, err] = ['', ''];
      child.stdout.on('data', (chunk) => (out += chunk));
      child.stderr.on('data', (chunk) => (err += chunk));
      child.on('close', (status) => resolve({ status, out, err }));
    });
  const works = async (...args: readonly string[]): Promise<string> => {
    const { status, out, err } = await podctl(...args);
    assert.equal(status, 0, err);
    return out;
  };
  const fails = async (code: string, ...args: readonly string[]): Promise<string> => {
    const { status, err } = await podctl(...args);
    assert.equal(status, 254, err);
    assert.match(err, new RegExp(`^podctl: [a-z ]+: ${code}: `, 'm'));
    return err;
  };
  const push = (name: string, by: string): Promise<void> => {
    const places = {
      'lookaside-staging': `file://${scratch()}/signatures`,
      'sigstore-staging': `file://${scratch()}/signatures`,
    };
    const directory = path.join(scratch(), 'skopeo.d');
    fs.mkdirSync(directory, { recursive: true });
    fs.writeFileSync(path.join(directory, 'a.yaml'), JSON.stringify({ 'default-docker': places }));
    return registry.push(
      image.source,
      name,
      ['--registries.d', directory, '--sign-by', by],
      'me:secret',
      gpg.environment,
    );
  };
  const trust = async (fingerprint: string, prefix: string): Promise<void> => {
    fs.writeFileSync(`${scratch()}/key.asc`, gpg.export([fingerprint]));
    await works('trust', `--prefix=${prefix}`, '--skip-fingerprint-review', `${scratch()}/key.asc`);
  };
  const left = (): readonly string[] =>
    ['downloads', 'tmp'].flatMap((name) => {
      const directory = `${scratch()}/data/${name}`;
      return fs.existsSync(directory) ? fs.readdirSync(directory) : [];
    });

  it('fetch by tag and by digest, with credentials for a part of the registry, and leave nothing', async () => {
    await push('shop/web:v1', key);
    const reference = `docker://${registry.host}/shop/web`;
    await fails('fetch-tls', 'fetch', `${reference}:v1`);
    const id = await works('fetch', HTTP, `${reference}:v1`);
    assert.match(id, /^sha512-[0-9a-f]{32}\n$/);
    assert.match(await works('fetch', HTTP, `${reference}@${image.manifest.digest}`), /^sha512-/);
    await fails('registry-unknown', 'fetch', HTTP, `${reference}:v2`);
    await fails('registry-denied', 'fetch', HTTP, `docker://${registry.host}/other/web:v1`);
    assert.deepEqual(left(), []);
    configure('registries.d/aliases.json', 'aliases', { aliases: { web: `${registry.host}/shop/web` } });
    assert.equal(await works('fetch', HTTP, 'docker://web:v1'), id);
  });

  it('--signed and policies demand signatures, also of what is in the store already', async () => {
    await push('shop/web:v1', key);
    const host = registry.host.replace(':', '-');
    const reference = `docker://${registry.host}/shop/web:v1`;
    const id = await works('fetch', HTTP, reference);
    await fails('signature-missing', 'fetch', HTTP, '--signed', '--pull-policy=never', reference);
    await fails('signature-missing', 'fetch', HTTP, '--signed', reference);
    configure('registries.d/a.json', 'registry', {
      prefix: registry.host,
      lookaside: [`file://${scratch()}/signatures`],
    });
    await fails('signature-key-unknown', 'fetch', HTTP, '--signed', reference);
    await trust(other, host);
    await fails('signature-key-unknown', 'fetch', HTTP, '--signed', reference);
    await trust(key, `${host}/shop`);
    assert.equal(await works('fetch', HTTP, '--signed', reference), id);
    assert.equal(await works('fetch', '--signed', '--pull-policy=never', reference), id);
    assert.match(await works('image', 'list', '--full'), new RegExp(key.slice(-16), 'i'));

    const rule = (require: string, more: object = {}) => ({ policies: [{ prefix: registry.host, require, ...more }] });
    configure('policy.d/a.json', 'imagePolicy', rule('signature', { keys: [other] }));
    await fails('signature-missing', 'fetch', HTTP, '--pull-policy=never', reference);
    await fails('signature-key-untrusted', 'fetch', HTTP, reference);
    configure('policy.d/a.json', 'imagePolicy', rule('signature', { keys: [key] }));
    assert.equal(await works('fetch', HTTP, '--pull-policy=never', reference), id);
    configure('policy.d/a.json', 'imagePolicy', rule('reject'));
    for (const option of [HTTP, '--insecure-options=http,image'])
      await fails('policy-rejected', 'fetch', option, '--pull-policy=never', reference);
    assert.deepEqual(left(), []);
  });

  it('`image policy` explains the decision', async () => {
    const name = `docker://${registry.host}/shop/web:v1`;
    const prefix = `${registry.host.replace(':', '-')}/shop`;
    assert.match(await works('image', 'policy', name), /policy\t+no rule covers it: its digests are enough/);
    assert.match(await works('image', 'policy', '--signed', name), /--signed demands a signature/);
    assert.match(
      await works('image', 'policy', '--signed', name),
      new RegExp(`podctl trust --prefix=${prefix}/web KEYFILE`),
    );
    await trust(key, prefix);
    const policies = [
      { prefix: '*', require: 'reject' },
      { prefix: registry.host, require: 'signature', keys: [other] },
    ];
    configure('policy.d/a.json', 'imagePolicy', { policies });
    const lookaside = ['https://signatures.example.com/'];
    configure('registries.d/a.json', 'registry', { prefix: registry.host, mirrors: ['mirror.example.com'], lookaside });
    const text = await works('image', 'policy', name);
    assert.match(text, new RegExp(`the rule for "${registry.host}" demands a signature by one of 1 keys`));
    assert.match(text, /builder <builder@example\.com>, trusted for prefix ".*", but the rule does not name it/);
    assert.match(await works('image', 'policy', 'busybox'), /the rule for "\*" rejects it/);
    const [json] = JSON.parse(await works('image', 'policy', '--format=json', name));
    assert.deepEqual(json.places, ['mirror.example.com/shop/web', `${registry.host}/shop/web`]);
    assert.deepEqual([json.require, json.rule, json.lookasides], ['signature', registry.host, lookaside]);
    assert.equal(json.keys[0].fingerprint, key);
  });
});
