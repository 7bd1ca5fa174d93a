/** `podctl trust` as it is installed: keys of files, URLs and sites, the question, the list, the removal. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { HttpClient } from '../../../stage0/image/fetch/http/client';
import { keySources } from '../../../stage0/usecases/key-sources';
import { testCertificate } from '../../fixtures/certificate';
import { rejectsCode } from '../../fixtures/expect';
import { Gpg } from '../../fixtures/gpg';
import { scratchDirectory } from '../../fixtures/scratch';
import { content, Web } from '../../fixtures/web';
import { skip } from '../../runner/skip';

const PODCTL = path.join(__dirname, '../../../lib/podctl');

describe('podctl trust', function () {
  this.timeout(60_000);
  const scratch = scratchDirectory();
  const gpg = new Gpg();
  let web: Web;
  let key: string;
  let exported: Buffer;
  before(() => {
    key = gpg.key('owner');
    exported = gpg.export([key]);
  });
  after(() => gpg.close());
  beforeEach(async () => {
    web = await Web.open();
  });
  afterEach(() => web.close());

  const prefixFile = (prefix: string): string =>
    path.join(scratch(), 'etc/trustedkeys/prefix.d', prefix, key.toLowerCase());
  const keyFile = (): string => {
    const file = `${scratch()}/key.asc`;
    fs.writeFileSync(file, exported);
    return file;
  };
  const argv = (args: readonly string[]): readonly string[] => [
    PODCTL,
    `--dir=${scratch()}/data`,
    `--local-config=${scratch()}/etc`,
    `--system-config=${scratch()}/usr`,
    'trust',
    ...args,
  ];
  const start = (program: string, args: readonly string[], input = '') =>
    new Promise<{ status: number | null; stdout: string; stderr: string }>((resolve) => {
      const child = spawn(program, args, { env: { ...process.env, SSL_CERT_FILE: testCertificate().caFile } });
      let [stdout, stderr] = ['', ''];
      child.stdout.on('data', (chunk) => (stdout += chunk));
      child.stderr.on('data', (chunk) => (stderr += chunk));
      child.on('close', (status) => resolve({ status, stdout, stderr }));
      child.stdin.end(input);
    });
  const podctl = (...args: readonly string[]) => start(process.execPath, argv(args));
  const refused = async (code: string, pattern: RegExp, ...args: readonly string[]): Promise<void> => {
    const { status, stdout, stderr } = await podctl(...args);
    assert.deepEqual([status, stdout], [254, '']);
    assert.match(stderr, new RegExp(`^podctl: trust: ${code}: `));
    assert.match(stderr, pattern);
  };

  it('takes keys of https URLs; of http URLs only with --insecure-allow-http', async () => {
    web.on(`https://localhost:${web.ports.https}/k`, content(exported));
    web.on(`http://localhost:${web.ports.http}/k`, content(exported));
    const https = `https://localhost:${web.ports.https}/k`;
    const http = `http://localhost:${web.ports.http}/k`;
    const skip = '--skip-fingerprint-review';
    await refused('fetch-insecure', /http/, '--prefix=a', skip, http);
    assert.equal(web.asked.length, 0);
    assert.deepEqual(await podctl('--prefix=a', skip, https), {
      status: 0,
      stdout: `Added key for prefix "a" at "${prefixFile('a')}"\n`,
      stderr: '',
    });
    assert.equal((await podctl('--prefix=b', skip, '--insecure-allow-http', http)).status, 0);
    const listed = JSON.parse((await podctl('--list', '--format=json')).stdout);
    assert.deepEqual(
      listed.map((one: Record<string, unknown>) => [one['prefix'], one['added_from'], one['reviewed']]),
      [
        ['a', https, 'skipped'],
        ['b', http, 'skipped'],
      ],
    );
    await refused('fetch-status', /404/, '--prefix=c', skip, `${https}2`);
    await refused('usage', /files, and from http/, '--prefix=c', skip, 'ftp://example.com/k');
    await refused('usage', /files, and from http/, '--prefix=c', skip, 'https://u:p@example.com/k');
    await refused('trust-needs-review', /no terminal/, '--prefix=c', https);
    assert.ok(!fs.existsSync(prefixFile('c')));
  });

  it('X1 asks the site of the prefix if no key is given', async () => {
    const meta = '<meta name="ac-discovery-pubkeys" content="example.com/a https://example.com/k">';
    web.on('example.com', content(meta));
    web.on('example.com/k', content(exported));
    const client = async () => new HttpClient(web.settings());
    const found = await keySources([], 'example.com/a/b', client);
    assert.deepEqual(found, [{ origin: 'https://example.com/k', bytes: exported }]);
    await rejectsCode('discovery-failed', keySources([], 'example.com/ab', client), /for this name/);
    await rejectsCode('usage', keySources([], '', client), /--root needs a key/);
    await rejectsCode('invalid-name', keySources([], 'example.com.', client));
    const before = web.asked.length;
    assert.deepEqual(await keySources(['file'], '', client), ['file']);
    assert.equal(web.asked.length, before);
  });

  it('lists what there is, and removes it again', async () => {
    const system = `${scratch()}/usr/trustedkeys/root.d/${key.toLowerCase()}`;
    fs.mkdirSync(path.dirname(system), { recursive: true });
    fs.writeFileSync(system, exported);
    await podctl('--prefix=example.com/a', '--skip-fingerprint-review', keyFile());
    const table = (await podctl('--list')).stdout.split('\n').map((line) => line.split(/\t+/));
    assert.deepEqual(table[0]?.slice(0, 4), ['PREFIX', 'FINGERPRINT', 'STATE', 'ALGORITHM']);
    assert.deepEqual(table[1]?.slice(0, 3), ['(root)', key, 'trusted']);
    assert.deepEqual(table[2]?.slice(0, 3), ['example.com/a', key, 'trusted']);
    assert.deepEqual(table[2]?.slice(-2), ['owner <owner@example.com>', prefixFile('example.com/a')]);
    const removed = await podctl('--remove', key, '--prefix=example.com/a');
    assert.equal(removed.stdout, `Removed key for prefix "example.com/a" at "${prefixFile('example.com/a')}"\n`);
    assert.match(removed.stderr, new RegExp(`warning: ${key} is still trusted for all images`));
    const mask = system.replace('/usr/', '/etc/');
    assert.deepEqual(await podctl('--remove', `0x${key.toLowerCase()}`), {
      status: 0,
      stdout: `Masked root key by "${mask}"\n`,
      stderr: '',
    });
    const [shipped, masked] = JSON.parse((await podctl('--list', '--format=json')).stdout);
    assert.deepEqual([shipped.state, shipped.masked, shipped.path], ['masked', true, system]);
    assert.deepEqual([masked.state, masked.masked, masked.path, masked.algorithm], ['mask', true, mask, null]);
    await refused('key-not-trusted', /any image/, '--remove', key);
  });

  it('refuses flags that contradict each other', async () => {
    for (const args of [
      ['--prefix=a', '--root', 'k'],
      ['--list', 'k'],
      ['--remove', key, 'k'],
      ['--list', '--remove', key],
      ['k'],
      ['--prefix=', 'k'],
      ['--root'],
      ['--remove', key.slice(-16)],
    ]) {
      await refused('usage', /./, ...args);
    }
    const { status, stderr } = await podctl('--prefix=a', '--format=json', 'k');
    assert.deepEqual([status, JSON.parse(stderr).error.code], [254, 'usage']);
  });

  describe('on a terminal', () => {
    const answer = (words: string) => {
      const line = [process.execPath, ...argv(['--prefix=a', keyFile()])].join(' ');
      return start('script', ['-qec', line, '/dev/null'], words);
    };
    before(function () {
      if (spawnSync('script', ['--version']).error !== undefined) skip(this, 'script is not installed');
    });

    it('shows the fingerprint and takes yes and no, and nothing else', async () => {
      const yes = await answer('y\nYES\n');
      assert.match(yes.stdout, new RegExp(`gpg key fingerprint is: ${key.match(/.{4}/g)?.join(' ')}`));
      assert.equal(yes.stdout.match(/\(yes\/no\)\?/g)?.length, 2);
      assert.match(yes.stdout, /Added key/);
      fs.rmSync(prefixFile('a'));
      const no = await answer('no\n');
      assert.deepEqual([no.status, fs.existsSync(prefixFile('a'))], [1, false]);
      assert.match(no.stdout, /Not trusting/);
    });

    it('takes the end of the input for a no', async () => {
      const { status, stdout } = await answer('\u0004');
      assert.equal(status, 1);
      assert.match(stdout, /Not trusting/);
      assert.ok(!fs.existsSync(prefixFile('a')));
    });
  });
});
