/** `podctl run NAME`: from the name of an image to its pod, by way of its site. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { buildAci, busyboxAci } from '../fixtures/aci';
import { testCertificate } from '../fixtures/certificate';
import { Gpg } from '../fixtures/gpg';
import { content, page, Web } from '../fixtures/web';
import { needsHost, type Outcome, PODCTL, Rig } from '../rig/rig';

const HOST = 'images.example.com';
const NAME = `${HOST}/app`;
const HOSTS = '/etc/hosts';

describe('run by name', () => {
  let gpg: Gpg;
  let key: string;
  let rig: Rig;
  let web: Web;
  let hosts: string;
  let certificates: string | undefined;

  before(async function () {
    needsHost(this);
    gpg = new Gpg();
    key = gpg.key('owner');
    hosts = fs.readFileSync(HOSTS, 'utf8');
    fs.writeFileSync(HOSTS, `${hosts}\n127.0.0.1 ${HOST}\n`);
    certificates = process.env['SSL_CERT_FILE'];
    process.env['SSL_CERT_FILE'] = testCertificate().caFile;
  });
  after(() => {
    if (hosts === undefined) return;
    fs.writeFileSync(HOSTS, hosts);
    if (certificates === undefined) delete process.env['SSL_CERT_FILE'];
    else process.env['SSL_CERT_FILE'] = certificates;
    gpg.close();
  });
  beforeEach(async () => {
    rig = new Rig();
    web = await Web.open({ https: 443, http: 80 });
    web.on(HOST, page(`${HOST} https://${HOST}/aci/{name}-{version}.{ext}`));
  });
  afterEach(async () => {
    await web.close();
    rig.dispose();
  });

  const podctl = (...args: readonly string[]): Promise<Outcome> => rig.start(...args).ended;
  const trust = (): void =>
    void rig.ok('trust', `--prefix=${HOST}`, '--skip-fingerprint-review', rig.write('key.asc', gpg.export([key])));
  const serve = (name: string, aci: Buffer, version = 'latest'): void => {
    web.on(`${HOST}/aci/${name}-${version}.aci`, content(aci, { etag: '"1"' }));
    web.on(`${HOST}/aci/${name}-${version}.aci.asc`, content(gpg.sign(aci, { by: [key] })));
  };

  it('X1 X3 finds, verifies and runs it; a second time nobody is asked', async () => {
    trust();
    serve(NAME, busyboxAci({ name: NAME, exec: ['/bin/echo', 'found'], compression: 'gzip' }));
    for (let time = 0; time < 2; time += 1) {
      assert.deepEqual(await podctl('run', '--signed', '--net=none', NAME), {
        status: 0,
        signal: null,
        stdout: 'found\n',
        stderr: '',
      });
    }
    assert.equal(web.urls.filter((url) => url.endsWith('.aci')).length, 1);
    const asked = web.asked.length;
    await podctl('run', '--net=none', NAME);
    assert.equal(web.asked.length, asked);
  });

  it('X6 the version that was asked for', async () => {
    trust();
    const labels = [{ name: 'version', value: '1.2' }];
    serve(NAME, busyboxAci({ name: NAME, labels, exec: ['/bin/echo', 'one point two'] }), '1.2');
    assert.equal((await podctl('run', '--net=none', `${NAME}:1.2`)).stdout, 'one point two\n');
  });

  it('nothing runs and nothing is left if nobody trusts its key', async () => {
    serve(NAME, busyboxAci({ name: NAME }));
    const { status, stdout, stderr } = await podctl('run', '--net=none', NAME);
    assert.deepEqual([status, stdout], [254, '']);
    assert.match(stderr, /^podctl: run: signature-key-unknown: /);
    assert.equal(rig.ok('image', 'list', '--format=json'), '[]\n');
    assert.deepEqual(rig.leftovers(), []);
  });

  it('B19 C2 with dependencies, which are fetched, verified and rendered below it', async () => {
    trust();
    const base = `${HOST}/base`;
    const data = `${HOST}/data`;
    serve(base, busyboxAci({ name: base, files: [{ name: 'rootfs/who', content: 'base\n' }] }));
    const files = [{ name: 'rootfs/' }, { name: 'rootfs/data', content: 'data\n' }];
    serve(data, buildAci({ name: data, files, manifest: { dependencies: [{ imageName: base }] } }));
    const app = { exec: ['/bin/cat', '/who', '/data', '/own'], user: '0', group: '0' };
    const own = [
      { name: 'rootfs/' },
      { name: 'rootfs/who', content: 'app\n' },
      { name: 'rootfs/own', content: 'own\n' },
    ];
    serve(NAME, buildAci({ name: NAME, app, files: own, manifest: { dependencies: [{ imageName: data }] } }));
    assert.deepEqual(await podctl('run', '--signed', '--net=none', NAME), {
      status: 0,
      signal: null,
      stdout: 'app\ndata\nown\n',
      stderr: '',
    });
    const prepared = await podctl('prepare', NAME);
    assert.equal(prepared.status, 0, prepared.stderr);
    assert.equal((await podctl('run-prepared', '--net=none', prepared.stdout.trim())).stdout, 'app\ndata\nown\n');
  });

  describe('podctl trust, asking the site of the prefix', () => {
    const keys = (): void => {
      const tag = `<meta name="ac-discovery-pubkeys" content="${HOST} https://${HOST}/key">`;
      const templates = `<meta name="ac-discovery" content="${HOST} https://${HOST}/aci/{name}-{version}.{ext}">`;
      web.on(HOST, content(tag + templates));
      web.on(`${HOST}/key`, content(gpg.export([key])));
    };
    const prefixKey = (): string => `${rig.configDir}/trustedkeys/prefix.d/${NAME}/${key.toLowerCase()}`;

    it('X1 shows the key with its fingerprint, and trusts it when somebody says yes', async () => {
      keys();
      const line = [PODCTL, ...rig.globals, 'trust', `--prefix=${NAME}`].join(' ');
      const child = spawn('script', ['-qec', line, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
      let shown = '';
      child.stdout.on('data', (chunk) => (shown += String(chunk)));
      child.stdin.write('yes\n');
      await once(child, 'close');
      assert.match(shown, new RegExp(`gpg key fingerprint is: ${key.match(/.{4}/g)?.join(' ')}`));
      assert.match(shown, new RegExp(`Added key for prefix "${NAME}" at "${prefixKey()}"`));
      serve(NAME, busyboxAci({ name: NAME, exec: ['/bin/echo', 'found'] }));
      assert.equal((await podctl('run', '--signed', '--net=none', NAME)).stdout, 'found\n');
      const [listed] = JSON.parse(rig.ok('trust', '--list', '--format=json')) as Record<string, unknown>[];
      assert.deepEqual([listed?.['added_from'], listed?.['reviewed']], [`https://${HOST}/key`, 'asked']);
    });

    it('without a terminal needs --skip-fingerprint-review, and never takes a key over plain http or of an unknown server', async () => {
      keys();
      const refused = async (code: string, ...flags: readonly string[]): Promise<void> => {
        const { status, stderr } = await podctl('trust', `--prefix=${NAME}`, ...flags);
        assert.deepEqual([status, fs.existsSync(prefixKey())], [254, false]);
        assert.match(stderr, new RegExp(`^podctl: trust: ${code}: `));
      };
      await refused('trust-needs-review');
      const authorities = process.env['SSL_CERT_FILE'];
      try {
        delete process.env['SSL_CERT_FILE'];
        await refused('fetch-tls', '--skip-fingerprint-review');
      } finally {
        process.env['SSL_CERT_FILE'] = authorities;
      }
      web.on(HOST, content(`<meta name="ac-discovery-pubkeys" content="${HOST} http://${HOST}/key">`));
      await refused('fetch-insecure', '--skip-fingerprint-review');
      keys();
      assert.equal((await podctl('trust', `--prefix=${NAME}`, '--skip-fingerprint-review')).status, 0);
      assert.ok(fs.existsSync(prefixKey()));
    });
  });

  it('X1 with keys of its site, if that is trusted', async () => {
    serve(NAME, busyboxAci({ name: NAME, exec: ['/bin/echo', 'found'] }));
    const meta = (name: string, value: string): string =>
      `<meta name="${name}" content="${HOST} https://${HOST}/${value}">`;
    web.on(HOST, content(meta('ac-discovery', 'aci/{name}-{version}.{ext}') + meta('ac-discovery-pubkeys', 'key')));
    web.on(`${HOST}/key`, content(gpg.export([key])));
    const { status, stdout, stderr } = await podctl('run', '--trust-keys-from-https', '--net=none', NAME);
    assert.deepEqual([status, stdout], [0, 'found\n'], stderr);
    assert.match(stderr, /warning: Added key for prefix "images.example.com\/app"/);
    assert.equal((await podctl('run', '--signed', '--net=none', NAME)).stdout, 'found\n');
  });
});
