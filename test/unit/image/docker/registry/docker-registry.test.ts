import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileCredentials } from '../../../../../stage0/image/docker/registry/auth-file';
import { hostCertificates } from '../../../../../stage0/image/docker/registry/host-certificates';
import { testCertificate } from '../../../../fixtures/certificate';
import { DockerRegistry, SERVICE, skopeo } from '../../../../fixtures/docker-registry';
import { rejectsCode } from '../../../../fixtures/expect';
import { type LayoutImage, ociLayout } from '../../../../fixtures/oci-layout';
import { type Pulled, Puller, type PullOptions, somebody } from '../../../../fixtures/pull';
import { scratchDirectory } from '../../../../fixtures/scratch';
import { TokenServer } from '../../../../fixtures/token-server';

const PASSWORD = 'a:b c';

describe('the real docker-registry', () => {
  const scratch = scratchDirectory();
  let image: LayoutImage;
  const open: { stop(): Promise<void> }[] = [];
  beforeEach(() => {
    image = ociLayout(path.join(scratch(), 'layout'), [
      Buffer.from('small'),
      randomBytes(700_000),
      randomBytes(400_000),
    ]);
  });
  afterEach(async () => {
    for (const one of open.splice(0)) await one.stop();
  });
  const start: typeof DockerRegistry.start = async (...args) => {
    const registry = await DockerRegistry.start(...args);
    open.push(registry);
    return registry;
  };
  const pull = (reference: string, options?: PullOptions): Promise<Pulled> =>
    new Puller(scratch()).pull(reference, options);
  const isTheImage = ({ top, bytes }: Pulled): void => {
    assert.equal(top.digest, image.manifest.digest);
    for (const { digest } of [image.config, ...image.layers])
      assert.deepEqual(bytes.get(digest), image.bytes.get(digest));
  };

  it('gives everything to everybody by tag and by digest, and leaves nothing', async () => {
    const registry = await start(scratch());
    await registry.push(image.source, 'team/app:v1');
    isTheImage(await pull(`docker://${registry.host}/team/app:v1`));
    isTheImage(await pull(`docker://${registry.host}/team/app@${image.manifest.digest}`));
    const puller = new Puller(scratch());
    await puller.pull(`docker://${registry.host}/team/app:v1`);
    assert.deepEqual(puller.downloads, []);
    const layer = puller.events.find((event) => event.event === 'progress' && event.done === event.total);
    assert.ok(layer, 'progress of a layer up to its end');
  });
  it('speaks Docker schema 2', async () => {
    const registry = await start(scratch());
    await registry.push(image.source, 'app:v2s2', ['--format', 'v2s2']);
    const { top, bytes } = await pull(`docker://${registry.host}/app:v2s2`);
    assert.equal(top.mediaType, 'application/vnd.docker.distribution.manifest.v2+json');
    for (const { digest } of image.layers) assert.deepEqual(bytes.get(digest), image.bytes.get(digest));
  });
  it('says what it does not have, with its own code', async () => {
    const registry = await start(scratch());
    await registry.push(image.source, 'app:v1');
    await rejectsCode(
      'registry-unknown',
      pull(`docker://${registry.host}/app:v2`),
      /MANIFEST_UNKNOWN: manifest unknown/,
    );
    await rejectsCode('registry-unknown', pull(`docker://${registry.host}/other`), /MANIFEST_UNKNOWN|NAME_UNKNOWN/);
  });
  it('over TLS with an authority of its own; http is refused unless allowed', async () => {
    const registry = await start(scratch(), { tls: true });
    await registry.push(image.source, 'app:v1');
    const secure = { insecure: { http: false, tls: false } };
    isTheImage(await pull(`docker://${registry.host}/app:v1`, { settings: secure }));
    const strangers = { env: { SSL_CERT_FILE: '/etc/ssl/certs/ca-certificates.crt' } };
    const refused = pull(`docker://${registry.host}/app:v1`, { settings: { ...secure, ...strangers } });
    await rejectsCode('fetch-tls', refused);
    // Whoever allows http has not said that a wrong certificate will do.
    await rejectsCode('fetch-tls', pull(`docker://${registry.host}/app:v1`, { settings: strangers }));
    const trusting = { insecure: { http: false, tls: true }, ...strangers };
    isTheImage(await pull(`docker://${registry.host}/app:v1`, { settings: trusting }));
    const plain = await start(scratch());
    await rejectsCode('fetch-tls', pull(`docker://${plain.host}/app:v1`, { settings: secure }));
  });
  it('that asks who we are: whoever has a certificate for it in certs.d gets the image', async () => {
    const registry = await start(scratch(), { tls: true, clients: true });
    const { cert, key, caFile } = testCertificate();
    const directory = path.join(scratch(), 'certs.d', registry.host);
    const put = (name: string, content: string | Buffer): void => fs.writeFileSync(path.join(directory, name), content);
    fs.mkdirSync(directory, { recursive: true });
    put('client.cert', cert);
    put('client.key', key);
    await registry.push(image.source, 'app:v1', ['--dest-cert-dir', directory]);
    const reference = `docker://${registry.host}/app:v1`;
    const secure = { insecure: { http: false, tls: false } };
    // Not the test's authority but the host's: that of the registry is in certs.d, too.
    const env = { SSL_CERT_FILE: '/etc/ssl/certs/ca-certificates.crt' };
    const certificates = hostCertificates([path.join(scratch(), 'none'), path.dirname(directory)]);
    const pulled = (): Promise<Pulled> => pull(reference, { settings: { ...secure, env, certificates } });
    await rejectsCode('fetch-tls', pulled());
    put('ca.crt', fs.readFileSync(caFile));
    isTheImage(await pulled());
    await rejectsCode('fetch-tls', pull(reference, { settings: secure }), /certificate/);
    fs.rmSync(path.join(directory, 'client.key'));
    await rejectsCode('config-invalid', pulled(), /client\.key/);
  });
  it('with Basic authentication: whose credentials are right gets the image', async () => {
    const registry = await start(scratch(), { tls: true, users: { me: PASSWORD } });
    await registry.push(image.source, 'app:v1', [], `me:${PASSWORD}`);
    const reference = `docker://${registry.host}/app:v1`;
    isTheImage(await pull(reference, { credentials: somebody('me', PASSWORD) }));
    await rejectsCode('registry-denied', pull(reference, { credentials: somebody('me', 'x') }), /UNAUTHORIZED/);
    await rejectsCode('registry-denied', pull(reference), /wants a user and a password, and there are none/);
    const file = path.join(scratch(), 'auth.json');
    await skopeo(['login', '--authfile', file, '--tls-verify=false', '-u', 'me', '-p', PASSWORD, registry.host]);
    isTheImage(await pull(reference, { credentials: fileCredentials({ path: file, required: true }, { env: {} }) }));
  });

  describe('with a token server', () => {
    let tokens: TokenServer;
    let registry: DockerRegistry;
    let reference: string;
    beforeEach(async () => {
      tokens = await TokenServer.open();
      open.push({ stop: () => tokens.close() });
      registry = await start(scratch(), { realm: tokens.realm });
      await registry.push(image.source, 'team/app:v1');
      reference = `docker://${registry.host}/team/app:v1`;
      tokens.seen.length = 0;
    });

    for (const field of ['token', 'access_token'] as const) {
      it(`anonymously, the answer being called ${field}: one token for all of it`, async () => {
        tokens.options = { field };
        isTheImage(await pull(reference));
        const [first, ...more] = tokens.seen;
        assert.equal(more.length, 0);
        assert.deepEqual(
          [first?.method, first?.authorization, first?.parameters.get('service'), first?.parameters.getAll('scope')],
          ['GET', undefined, SERVICE, ['repository:team/app:pull']],
        );
      });
    }
    it('with user and password', async () => {
      tokens.options = { users: [`me:${PASSWORD}`] };
      isTheImage(await pull(reference, { credentials: somebody('me', PASSWORD) }));
      assert.equal(tokens.seen[0]?.parameters.get('account'), 'me');
      await rejectsCode('registry-denied', pull(reference, { credentials: somebody('me', 'x') }), /incorrect username/);
    });
    it('with an identity token, by POST', async () => {
      tokens.options = { users: [], identity: 'secret identity' };
      const credentials = { find: async () => ({ kind: 'identity', token: 'secret identity' }) as const };
      isTheImage(await pull(reference, { credentials }));
      assert.deepEqual(
        [tokens.seen[0]?.method, tokens.seen[0]?.parameters.get('grant_type')],
        ['POST', 'refresh_token'],
      );
    });
    it('whose tokens are over at once: new ones are had', async () => {
      tokens.options = { life: 1 };
      isTheImage(await pull(reference));
      assert.ok(tokens.seen.length > 1, `${tokens.seen.length} tokens`);
    });
  });
});
