import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { resolveReference } from '../../../../../stage0/image/docker/registry/aliases';
import { authFiles, fileCredentials } from '../../../../../stage0/image/docker/registry/auth-file';
import { configuredCredentials, firstOf } from '../../../../../stage0/image/docker/registry/credentials';
import { formatReference } from '../../../../../stage0/image/docker/registry/reference';
import { rejectsCode, throwsCode } from '../../../../fixtures/expect';
import { scratchDirectory } from '../../../../fixtures/scratch';

const pair = (user: string, password: string): { auth: string } => ({
  auth: Buffer.from(`${user}:${password}`).toString('base64'),
});

describe('credentials of registries', () => {
  const scratch = scratchDirectory();
  const write = (name: string, content: unknown): string => {
    const file = path.join(scratch(), name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
    return file;
  };
  /** A `docker-credential-NAME` in PATH that does what a shell script says. */
  const helper = (name: string, script: string): void =>
    fs.chmodSync(write(`bin/docker-credential-${name}`, `#!/bin/sh\n${script}\n`), 0o755);
  const find = (content: unknown, repository: string, helperMs = 10_000) => {
    const env = { PATH: `${scratch()}/bin:${process.env['PATH']}` };
    return fileCredentials({ path: write('config.json', content), required: true }, { env, helperMs }).find(repository);
  };
  const userOf = async (content: unknown, repository: string): Promise<string | undefined> => {
    const found = await find(content, repository);
    return found?.kind === 'basic' ? `${found.user}/${found.password}` : found?.kind;
  };

  describe('in a file of Docker or podman', () => {
    const auths = {
      'https://index.docker.io/v1/': pair('hub', 'h:x'),
      'example.com': pair('all', '1'),
      'example.com/team': pair('team', '2'),
      'example.com/team/app': pair('app', '3'),
      'localhost:5000': { username: 'local', password: '4' },
      'https://old.example.com/v2/': pair('old', '5'),
      'id.example.com': { ...pair('x', 'y'), identitytoken: 'z' },
      'token.example.com': { registrytoken: 'z' },
      'empty.example.com': {},
    };
    for (const [repository, user] of [
      ['docker.io/library/busybox', 'hub/h:x'],
      ['example.com/other/app', 'all/1'],
      ['example.com/team/web', 'team/2'],
      ['example.com/team/app', 'app/3'],
      ['example.com/teams/app', 'all/1'],
      ['localhost:5000/a', 'local/4'],
      ['localhost:5001/a', undefined],
      ['old.example.com/a', 'old/5'],
      ['id.example.com/a', 'identity'],
      ['token.example.com/a', 'bearer'],
      ['empty.example.com/a', undefined],
      ['sub.example.com/a', undefined],
    ] as const) {
      it(`${repository}: ${user ?? 'nobody'}`, async () => assert.equal(await userOf({ auths }, repository), user));
    }
    for (const [what, content] of [
      ['not JSON', '{"auths": {"example.com": {"auth": "c2VjcmV0'],
      ['a list', []],
      ['auths that are a list', { auths: [] }],
      ['an entry that is text', { auths: { 'example.com': 'c2VjcmV0' } }],
      ['an auth without a colon', { auths: { 'example.com': { auth: 'c2VjcmV0' } } }],
      ['more than a file of credentials has', ' '.repeat(2 << 20)],
    ] as const) {
      it(`refuses ${what}, and shows nothing of it`, () =>
        assert.rejects(find(content, 'example.com/a'), (error: Error & { code?: string }) => {
          assert.equal(error.code, 'config-invalid');
          assert.ok(!error.message.includes('c2Vjc'), error.message);
          return true;
        }));
    }
  });

  describe('of a helper', () => {
    const answer = (user: string, secret: string): string =>
      `read server; printf '{"ServerURL":"%s","Username":"${user}","Secret":"${secret}%s"}' "$server" "$server"`;
    it('for one registry, before its entry in the file', async () => {
      helper('one', answer('me', ''));
      const config = { auths: { 'example.com': pair('x', 'y') }, credHelpers: { 'example.com': 'one' } };
      assert.equal(await userOf(config, 'example.com/a'), 'me/example.com');
    });
    it('for all that have no entry; Docker’s own registry is called as Docker calls it', async () => {
      helper('all', answer('me', ''));
      const config = { auths: { 'example.com': pair('x', 'y') }, credsStore: 'all' };
      assert.equal(await userOf(config, 'example.com/a'), 'x/y');
      assert.equal(await userOf(config, 'docker.io/library/a'), 'me/https://index.docker.io/v1/');
    });
    it('an identity token', async () => {
      helper('one', answer('<token>', ''));
      assert.equal(await userOf({ credsStore: 'one' }, 'example.com/a'), 'identity');
    });
    it('that knows nothing', async () => {
      helper('one', 'echo credentials not found in native keychain; exit 1');
      assert.equal(await userOf({ credsStore: 'one' }, 'example.com/a'), undefined);
    });
    for (const [what, script, text] of [
      ['fails', 'echo no key; exit 3', /status 3: no key/],
      ['says nonsense', 'echo secret', /did not answer with JSON $/],
      ['says too little', 'echo "{}"', /without Username/],
      ['does not stop talking', 'exec yes', /more than 65536 bytes/],
      ['hangs, with a child that holds on to its output', 'sleep 60 & sleep 60', /within 0.3 seconds/],
    ] as const) {
      it(`that ${what}`, async () => {
        helper('one', script);
        await rejectsCode('credentials-failed', find({ credsStore: 'one' }, 'example.com/a', 300), text);
      });
    }
    it('that is not there, or is a path', async () => {
      await rejectsCode('credentials-failed', find({ credsStore: 'none' }, 'example.com/a'), /is not in PATH/);
      await rejectsCode(
        'credentials-failed',
        find({ credsStore: '../../bin/x' }, 'example.com/a'),
        /cannot be a program/,
      );
    });
  });

  it('files: the one that is named alone, else those of podman and Docker in this order', () => {
    const paths = (env: Record<string, string>): readonly string[] => authFiles(env, 7).map((file) => file.path);
    assert.deepEqual(paths({ HOME: '/h', REGISTRY_AUTH_FILE: '/x' }), ['/x']);
    const usual = ['/run/containers/7/auth.json', '/h/.config/containers/auth.json', '/h/.docker/config.json'];
    assert.deepEqual(paths({ HOME: '/h' }), usual);
    const own = paths({ HOME: '/h', XDG_RUNTIME_DIR: '/r', XDG_CONFIG_HOME: '/c', DOCKER_CONFIG: '/d' });
    assert.deepEqual(own, ['/r/containers/auth.json', '/c/containers/auth.json', '/d/config.json']);
  });
  it('a file that somebody named has to be there, others need not', async () => {
    const missing = { path: path.join(scratch(), 'none'), required: true };
    await rejectsCode('io', fileCredentials(missing, { env: {} }).find('example.com/a'));
    assert.equal(await fileCredentials({ ...missing, required: false }, { env: {} }).find('example.com/a'), undefined);
  });
  it('dockerAuth of auth.d counts more than any file', async () => {
    const table = new Map([['example.com/team', { type: 'basic', user: 'operator', password: 'p' } as const]]);
    const file = { path: write('config.json', { auths: { 'example.com': pair('x', 'y') } }), required: true };
    const source = firstOf([configuredCredentials(() => table), fileCredentials(file, { env: {} })]);
    assert.deepEqual(await source.find('example.com/team/a'), { kind: 'basic', user: 'operator', password: 'p' });
    assert.deepEqual(await source.find('example.com/a'), { kind: 'basic', user: 'x', password: 'y' });
  });
});

describe('aliases of images', () => {
  const aliases = new Map([
    ['web', 'example.com/shop/web:stable'],
    ['bad', 'Not A Name'],
  ]);
  const meant = (text: string): string => formatReference(resolveReference(text, () => aliases));
  it('stand for a repository; a tag or digest given counts more than the alias’s', () => {
    assert.equal(meant('docker://web'), 'example.com/shop/web:stable');
    assert.equal(meant('docker://web:v2'), 'example.com/shop/web:v2');
    assert.equal(meant(`docker://web@sha256:${'a'.repeat(64)}`), `example.com/shop/web@sha256:${'a'.repeat(64)}`);
    assert.equal(meant('docker://other'), 'docker.io/library/other:latest');
    assert.equal(meant('docker://example.com/web'), 'example.com/web:latest');
  });
  it('that stand for nothing are errors of the configuration', () =>
    throwsCode('config-invalid', () => meant('docker://bad')));
});
