/**
 * Members of the group `podctl` fetch, list and remove without root (rkt-cli.md §1.6), in a data directory as tmpfiles.d makes
 * it; and what a hostile one of them puts into the store is never what root runs.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { buildAci, busyboxAci, imageIdOf } from '../fixtures/aci';
import { file } from '../fixtures/remote';
import { Web } from '../fixtures/web';
import { command, DIST, needsHost, type Outcome, output, PODCTL, Rig, until } from '../rig/rig';

const UNITS = path.join(DIST, '../units/files');
const USERS = ['podctl-ann', 'podctl-bob', 'podctl-eve'] as const;

describe('members of the group', function () {
  this.timeout(120_000);
  let rig: Rig;
  let gid: number;

  before(function () {
    needsHost(this);
    const conf = fs.readFileSync(`${UNITS}/sysusers.d/podctl.conf`, 'utf8');
    fs.writeFileSync('/run/podctl-sysusers.conf', conf);
    output('systemd-sysusers', '/run/podctl-sysusers.conf');
    gid = Number(output('getent', 'group', 'podctl').split(':')[2]);
    for (const user of USERS) {
      const groups = user === 'podctl-eve' ? [] : ['--groups', 'podctl'];
      const made = command(['useradd', '--no-create-home', ...groups, user]);
      assert.ok(made.status === 0 || made.status === 9, made.stderr);
    }
  });
  beforeEach(() => {
    rig = new Rig();
    fs.chmodSync(rig.root, 0o755);
    const tmpfiles = fs.readFileSync(`${UNITS}/tmpfiles.d/podctl.conf`, 'utf8');
    const own = tmpfiles.split('\n').filter((line) => line.includes('/var/lib/podctl'));
    const file = rig.write('tmpfiles.conf', own.join('\n').replaceAll('/var/lib/podctl', rig.dataDir));
    output('systemd-tmpfiles', '--create', file);
    fs.chmodSync(rig.write('one.aci', one()), 0o644);
  });
  afterEach(() => rig?.dispose());

  const one = (): Buffer => busyboxAci({ name: 'example.com/one', exec: ['/bin/true'] });
  const idOne = (): string => imageIdOf(one());
  const asUser = (user: string, ...argv: readonly string[]): Outcome =>
    command(['setpriv', '--reuid', user, '--regid', user, '--init-groups', ...argv]);
  const member = (user: string, ...args: readonly string[]): string => {
    const { status, stdout, stderr } = asUser(user, PODCTL, ...rig.globals, ...args);
    assert.equal(status, 0, `${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const refused = (user: string, code: string, ...args: readonly string[]): void => {
    const { status, stderr } = asUser(user, PODCTL, ...rig.globals, ...args);
    assert.equal(status, 254, stderr);
    assert.match(stderr, new RegExp(`: ${code}: `));
  };
  const fetchAs = (user: string): string =>
    member(user, '--insecure-options=image', 'fetch', '--full', `${rig.root}/one.aci`).trim();
  const imagePath = (): string => `${rig.dataDir}/images/${idOne()}`;
  const sound = (): void => {
    const { status, stdout } = rig.podctl('store', 'check', '--deep');
    assert.equal(status, 0, stdout);
  };

  it('§1.6 fetch, list, show and export; what needs root says so', () => {
    assert.equal(fetchAs('podctl-ann'), idOne());
    assert.match(member('podctl-bob', 'image', 'list'), /example.com\/one/);
    assert.match(member('podctl-ann', 'image', 'cat-manifest', 'example.com/one'), /ImageManifest/);
    for (const args of [
      ['prepare', 'example.com/one'],
      ['run', 'example.com/one'],
      ['image', 'gc'],
      ['image', 'verify', 'example.com/one'],
      ['store', 'check'],
      ['gc'],
    ])
      refused('podctl-ann', 'not-root', ...args);
    assert.equal(asUser('podctl-ann', 'ls', `${rig.dataDir}/trees`).status, 2);
    assert.equal(asUser('podctl-eve', 'ls', rig.dataDir).status, 2);
    sound();
  });

  /** As a member, while this process answers on the web. */
  const fetching = (user: string, url: string): ChildProcess => {
    const podctl = [PODCTL, ...rig.globals, '--insecure-options=image,http', 'fetch', '--full', url];
    return spawn('setpriv', ['--reuid', user, '--regid', user, '--init-groups', ...podctl], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  };
  const outcome = async (child: ChildProcess): Promise<readonly [number | null, string]> => {
    let text = '';
    child.stdout?.on('data', (chunk) => (text += String(chunk)));
    await once(child, 'close');
    return [child.exitCode, text.trim()];
  };

  it('§1.6 fetch over the network: a part that an interruption leaves is theirs alone, and they go on with it', async () => {
    const web = await Web.open();
    const url = `http://127.0.0.1:${web.ports.http}/one.aci`;
    try {
      let broken = false;
      let reached = (): void => undefined;
      const half = new Promise<void>((resolve) => {
        reached = resolve;
      });
      web.on(url, (request, response) => {
        if (broken) return file(one())(request, response);
        broken = true;
        response.writeHead(200, { etag: '"1"', 'content-length': one().length });
        response.write(one().subarray(0, 200_000), () => reached());
      });
      const ann = fetching('podctl-ann', url);
      await half;
      const own = `${rig.dataDir}/staging/user-${output('id', '-u', 'podctl-ann').trim()}`;
      const part = (): string | undefined => fs.readdirSync(`${own}/downloads`).find((name) => !name.includes('.'));
      await until(
        () => (fs.existsSync(`${own}/downloads`) && part() !== undefined ? true : undefined),
        'a part of the download',
      );
      await until(() => (fs.statSync(`${own}/downloads/${part()}`).size > 0 ? true : undefined), 'its first bytes');
      ann.kill('SIGTERM');
      assert.notEqual((await outcome(ann))[0], 0);
      for (const other of ['podctl-bob', 'podctl-eve']) assert.notEqual(asUser(other, 'ls', own).status, 0);
      rig.ok('gc');
      assert.notEqual(part(), undefined);
      assert.deepEqual(await outcome(fetching('podctl-ann', url)), [0, idOne()]);
      assert.match(web.asked.at(-1)?.headers.range ?? '', /^bytes=\d+-$/);
      assert.deepEqual(fs.readdirSync(`${own}/downloads`), []);
      // What ann's site gave her is not what bob believes of it.
      assert.deepEqual(await outcome(fetching('podctl-bob', url)), [0, idOne()]);
      assert.equal(web.asked.at(-1)?.headers['if-none-match'], undefined);
      sound();
    } finally {
      await web.close();
    }
  });

  it('parts of members are collected after a day, whatever a hostile one has put there', () => {
    const uid = Number(output('id', '-u', 'podctl-ann').trim());
    const own = `${rig.dataDir}/staging/user-${uid}`;
    const victim = rig.write('victim/file', 'x');
    const old = new Date(0);
    const script = `mkdir -m 700 ${own} ${own}/downloads && cd ${own}/downloads && echo part > old && echo part > new
      mkfifo fifo; mkdir directory; echo x > directory/x; ln -s ${victim} link; ln -s ${path.dirname(victim)} place; touch old.json`;
    assert.equal(asUser('podctl-ann', 'sh', '-c', script).status, 0);
    for (const name of fs.readdirSync(`${own}/downloads`))
      if (name !== 'new') fs.lutimesSync(`${own}/downloads/${name}`, old, old);
    fs.utimesSync(victim, old, old);
    fs.utimesSync(path.dirname(victim), old, old);
    rig.ok('gc');
    assert.deepEqual(fs.readdirSync(`${own}/downloads`), ['new']);
    assert.equal(fs.readFileSync(victim, 'utf8'), 'x');
    fs.rmSync(`${own}/downloads`, { recursive: true });
    fs.symlinkSync(path.dirname(victim), `${own}/downloads`);
    rig.ok('gc');
    assert.equal(fs.readFileSync(victim, 'utf8'), 'x');
    fs.rmSync(own, { recursive: true });
    fs.symlinkSync(rig.root, own);
    rig.ok('gc');
    assert.equal(fs.readFileSync(victim, 'utf8'), 'x');
  });

  it('§1.6 remove their own at once; those of others are gone at once, and their bytes with the next gc by root', () => {
    fetchAs('podctl-ann');
    assert.match(member('podctl-ann', 'image', 'rm', idOne()), /successfully removed/);
    assert.deepEqual(fs.readdirSync(`${rig.dataDir}/images`), []);
    for (const fetched of [
      () => fetchAs('podctl-ann'),
      () => rig.ok('--insecure-options=image', 'fetch', `${rig.root}/one.aci`),
    ]) {
      fetched();
      member('podctl-bob', 'image', 'rm', 'example.com/one');
      assert.equal(member('podctl-ann', 'image', 'list', '--no-legend'), '');
      assert.match(fs.readdirSync(`${rig.dataDir}/images`).join(), /^\.removed-/);
      rig.ok('gc');
      assert.deepEqual(fs.readdirSync(`${rig.dataDir}/images`), []);
    }
    sound();
  });

  it('root’s first use reads a member’s image in again, and what root runs is root’s own copy', () => {
    fetchAs('podctl-ann');
    assert.notEqual(fs.statSync(imagePath()).uid, 0);
    rig.ok('--insecure-options=image', 'prepare', 'example.com/one');
    assert.equal(fs.statSync(imagePath()).uid, 0);
    assert.equal(fs.statSync(imagePath()).gid, gid);
    assert.match(member('podctl-bob', 'image', 'cat-manifest', 'example.com/one'), /ImageManifest/);
    sound();
  });

  it('a member’s word on who signed an image counts for nothing with root', () => {
    fetchAs('podctl-ann');
    const file = `${imagePath()}/info.json`;
    const info = JSON.parse(fs.readFileSync(file, 'utf8')) as object;
    const verification = {
      fingerprint: 'F'.repeat(40),
      keyFileDigest: 'K',
      prefix: 'example.com',
      signatureDigest: 'S',
    };
    fs.writeFileSync(file, JSON.stringify({ ...info, verification: { ...verification, signedAt: 1, verifiedAt: 1 } }));
    const { status, stderr } = rig.podctl('prepare', '--signed', 'example.com/one');
    assert.equal(status, 254);
    assert.match(stderr, /signature-missing/);
  });

  it('an image that is not what its name says is refused and removed, whatever its owner made of it', () => {
    const other = buildAci({ name: 'example.com/one', files: [{ name: 'rootfs/evil', content: 'evil' }] });
    const tar = () => `${imagePath()}/image.tar`;
    const replace = (file: string, by: (file: string) => void): void => {
      fs.rmSync(file);
      by(file);
    };
    const fifo = (file: string): void => void output('mkfifo', file);
    const attacks: readonly (readonly [string, () => void])[] = [
      ['other bytes', () => fs.writeFileSync(tar(), other)],
      ['a fifo for its bytes', () => replace(tar(), fifo)],
      ['a link for its bytes', () => replace(tar(), (file) => fs.symlinkSync('/etc/shadow', file))],
      ['a fifo for its record', () => replace(`${imagePath()}/info.json`, fifo)],
      [
        'a link for itself',
        () => {
          fs.renameSync(imagePath(), `${rig.root}/away`);
          fs.symlinkSync(`${rig.root}/away`, imagePath());
        },
      ],
    ];
    for (const [what, attack] of attacks) {
      fetchAs('podctl-ann');
      attack();
      const { status, stderr } = rig.podctl('--insecure-options=image', 'prepare', idOne());
      assert.equal(status, 254, what);
      assert.match(stderr, /image-(damaged|layout|archive)/, what);
      assert.equal(rig.podctl('image', 'list').status, 0, what);
      assert.deepEqual(fs.existsSync(`${rig.dataDir}/trees`) ? fs.readdirSync(`${rig.dataDir}/trees`) : [], [], what);
      // Fetching it again by root puts a sound one there.
      rig.ok('--insecure-options=image', 'fetch', `${rig.root}/one.aci`);
      assert.equal(fs.statSync(imagePath()).uid, 0);
      rig.ok('image', 'rm', idOne());
      fs.rmSync(`${rig.root}/away`, { recursive: true, force: true });
    }
  });

  it('a member who renames root’s images makes none another one', () => {
    const other = buildAci({ name: 'example.com/other', files: [{ name: 'rootfs/x' }] });
    rig.ok('--insecure-options=image', 'fetch', rig.write('other.aci', other), `${rig.root}/one.aci`);
    const place = `${rig.dataDir}/images/${imageIdOf(other)}`;
    assert.equal(asUser('podctl-ann', 'mv', imagePath(), `${rig.dataDir}/images/aside`).status, 0);
    assert.equal(asUser('podctl-ann', 'mv', '-T', place, imagePath()).status, 0);
    const { status, stderr } = rig.podctl('--insecure-options=image', 'prepare', idOne());
    assert.equal(status, 254);
    assert.match(stderr, /image-damaged.*is that of sha512-/);
    // Nor can they write into what is root's, or take files out of it.
    assert.notEqual(asUser('podctl-ann', 'mv', `${imagePath()}/image.tar`, '/var/tmp/x').status, 0);
    assert.notEqual(asUser('podctl-ann', 'touch', `${imagePath()}/x`).status, 0);
    assert.notEqual(asUser('podctl-ann', 'ls', `${rig.dataDir}/tmp`).status, 0);
  });

  it('a member cannot touch what another one is making', () => {
    const made = asUser('podctl-ann', 'mkdir', `${rig.dataDir}/staging/mine`);
    assert.equal(made.status, 0, made.stderr);
    assert.notEqual(
      asUser('podctl-bob', 'mv', `${rig.dataDir}/staging/mine`, `${rig.dataDir}/staging/yours`).status,
      0,
    );
    rig.ok('gc');
    assert.deepEqual(fs.readdirSync(`${rig.dataDir}/staging`), []);
  });
});
