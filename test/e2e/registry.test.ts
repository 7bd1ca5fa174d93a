/** `podctl run docker://…`: built, signed and pushed by the real buildah into the real docker-registry, over TLS with a password. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { busyboxRoot } from '../fixtures/busybox';
import { testCertificate } from '../fixtures/certificate';
import { DockerRegistry } from '../fixtures/docker-registry';
import { Gpg } from '../fixtures/gpg';
import { buildTar } from '../fixtures/tar-writer';
import { command, needsHost, type Outcome, PODCTL, Rig } from '../rig/rig';

describe('run docker://', () => {
  let rig: Rig;
  let gpg: Gpg;
  let key: string;
  let registry: DockerRegistry;
  let image: string;
  /** Where signatures land by default; in the container host nobody else has any. */
  const SIGNATURES = '/var/lib/containers/sigstore/team';

  before(async function () {
    needsHost(this);
    rig = new Rig();
    gpg = new Gpg();
    key = gpg.key('builder');
    registry = await DockerRegistry.start(rig.root, { tls: true, users: { me: 'secret' } });
    image = `docker://${registry.host}/team/app:v1`;
    build();
    rig.write('auth.json', JSON.stringify({ auths: { [registry.host]: { auth: btoa('me:secret') } } }));
  });
  after(async () => {
    await registry?.stop();
    gpg?.close();
    fs.rmSync(SIGNATURES, { recursive: true, force: true });
    rig?.dispose();
  });

  const build = (): void => {
    const names = (name: string | Buffer): string => String(name).replace(/^rootfs\//, '');
    const files = busyboxRoot().flatMap((file) =>
      names(file.name) === '' ? [] : [{ ...file, name: names(file.name) }],
    );
    rig.write('root.tar', buildTar(files));
    rig.write('policy.json', JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
    const storage = ['--root', `${rig.root}/storage`, '--runroot', `${rig.root}/runroot`, '--storage-driver', 'vfs'];
    const buildah = (...args: readonly string[]): string => {
      const env = { ...process.env, ...gpg.environment };
      const { status, stdout, stderr } = command(['buildah', ...storage, ...args], { env });
      assert.equal(status, 0, `buildah ${args[0]}: ${stderr}`);
      return stdout.trim();
    };
    const container = buildah('from', 'scratch');
    buildah('add', '--quiet', container, path.join(rig.root, 'root.tar'));
    const entrypoint = ['/bin/sh', '-c', 'echo "$GREETING from $(pwd)"'];
    buildah('config', '--entrypoint', JSON.stringify(entrypoint), container);
    buildah('config', '--env', 'GREETING=hello', '--workingdir', '/srv', container);
    const policy = ['--signature-policy', path.join(rig.root, 'policy.json')];
    buildah('commit', '--quiet', ...policy, container, 'app');
    const access = ['--creds', 'me:secret', '--tls-verify=false'];
    buildah('push', '--quiet', ...policy, ...access, '--sign-by', key, 'app', image);
  };

  const podctl = (...args: readonly string[]): Outcome => {
    const env = {
      ...process.env,
      SSL_CERT_FILE: testCertificate().caFile,
      REGISTRY_AUTH_FILE: `${rig.root}/auth.json`,
    };
    return command([PODCTL, ...rig.globals, ...args], { env });
  };
  const says = ({ status, stdout, stderr }: Outcome): void =>
    assert.deepEqual([status, stdout], [0, 'hello from /srv\n'], stderr);

  it('refuses what nobody trusted has signed, and leaves nothing', () => {
    const { status, stderr } = podctl('run', '--signed', image);
    assert.equal(status, 254);
    assert.match(stderr, /^podctl: run: signature-key-unknown: \/var\/lib\/containers\/sigstore\/team\/app@sha256=/m);
    assert.deepEqual(rig.leftovers(), []);
  });
  it('runs what its key is trusted for', () => {
    const prefix = `${registry.host.replace(':', '-')}/team`;
    rig.ok('trust', `--prefix=${prefix}`, '--skip-fingerprint-review', rig.write('key.asc', gpg.export([key])));
    says(podctl('run', '--signed', image));
    says(podctl('run', image));
    assert.deepEqual(fs.readdirSync(path.join(rig.dataDir, 'downloads')), []);
  });
  it('runs it again when the registry is gone; a policy that rejects it counts at once', async () => {
    await registry.stop();
    says(podctl('run', '--signed', image));
    const policies = [{ prefix: registry.host, require: 'reject' }];
    rig.write('etc/policy.d/a.json', JSON.stringify({ podctlKind: 'imagePolicy', podctlVersion: 'v1', policies }));
    assert.match(podctl('run', image).stderr, /policy-rejected/);
  });
});
