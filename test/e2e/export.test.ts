/** `podctl export`: what an app left behind becomes an image that is fetched and run again. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { busyboxAci } from '../fixtures/aci';
import { command, needsHost, output, PODCTL, Rig, until } from '../rig/rig';

/** Changes of every kind an overlay knows: written, removed, replaced, linked, a removed and remade directory, a renamed one. */
const CHANGES = `
  echo new > /etc/new; echo more >> /etc/passwd; rm /etc/gone; rm -r /data/dir; mkdir /data/dir; echo fresh > /data/dir/only
  mv /data/moved /data/elsewhere; ln /etc/new /etc/hard; ln -s new /etc/soft; chown 12:34 /etc/new; chmod 4750 /etc/new
  touch -d '2001-02-03 04:05:06' /data/elsewhere/inside; mkfifo /data/pipe; rm /bin/vi; mkdir /bin/vi; mkdir -m 1777 /data/sticky
  chown 7:8 /data; head -c 3000000 /dev/zero > /data/big; exit 7`;

describe('export', () => {
  let rig: Rig;
  let pod: string;

  before(function () {
    needsHost(this);
    rig = new Rig();
    const image = rig.write(
      'base.aci',
      busyboxAci({
        name: 'example.com/base',
        labels: [{ name: 'version', value: '3' }],
        exec: ['/bin/sh', '-c', CHANGES],
        manifest: { annotations: [{ name: 'authors', value: 'me' }] },
        app: { environment: [{ name: 'KEPT', value: 'yes' }] },
        files: [
          { name: 'rootfs/etc/gone', content: 'x' },
          { name: 'rootfs/data/' },
          { name: 'rootfs/data/dir/' },
          { name: 'rootfs/data/dir/old', content: 'x' },
          { name: 'rootfs/data/moved/' },
          { name: 'rootfs/data/moved/inside', content: 'inside' },
          { name: 'rootfs/data/one', content: 'linked', pax: { 'SCHILY.xattr.user.mark': 'm' } },
          { name: 'rootfs/data/two', type: '1', linkName: 'rootfs/data/one' },
        ],
      }),
    );
    const save = `${rig.root}/uuid`;
    const run = rig.podctl('--insecure-options=image', 'run', '--net=none', `--uuid-file-save=${save}`, image);
    assert.equal(run.status, 7, run.stderr);
    pod = fs.readFileSync(save, 'utf8').trim();
  });
  after(() => rig?.dispose());

  const target = (name: string): string => path.join(rig.root, name);
  const listing = (file: string): Map<string, string> =>
    new Map(
      output('tar', '--numeric-owner', '--full-time', '-tvf', file)
        .split('\n')
        .flatMap((line): [string, string][] => {
          const [mode = '', owner = '', size = '', date = '', time = '', ...name] = line.split(/\s+/);
          return name.length === 0
            ? []
            : [[name[0] ?? '', [mode, owner, size, date, time, ...name.slice(1)].join(' ')]];
        }),
    );

  it('A3 A4 holds the files as the app left them: whiteouts applied, links, owners, modes, times', () => {
    rig.ok('export', pod, target('one.aci'));
    const files = listing(target('one.aci'));
    for (const gone of ['etc/gone', 'data/dir/old', 'data/moved/', 'data/moved/inside'])
      assert.equal(files.has(`rootfs/${gone}`), false, gone);
    for (const there of ['etc/new', 'data/dir/only', 'data/elsewhere/inside', 'bin/vi/', 'data/big', 'data/pipe'])
      assert.equal(files.has(`rootfs/${there}`), true, there);
    const facts = (name: string): string => files.get(`rootfs/${name}`) ?? 'absent';
    // The first name in the order of names has the content, the others are links to it.
    assert.match(facts('etc/hard'), /^-rwsr-x--- 12\/34 4 /);
    assert.match(facts('etc/new'), /^hrwsr-x--- 12\/34 0 .* link to rootfs\/etc\/hard$/);
    assert.match(facts('data/two'), /^h.* link to rootfs\/data\/one$/);
    assert.match(facts('etc/soft'), /^l.* -> new$/);
    assert.match(facts('data/elsewhere/inside'), / 6 2001-02-03 04:05:06$/);
    assert.match(facts('data/'), /^d\S+ 7\/8 /);
    assert.match(facts('data/sticky/'), /^drwxrwxrwt /);
    assert.match(facts('data/pipe'), /^p/);
    assert.match(facts('data/big'), / 3000000 /);
    assert.equal(
      [...files.keys()].some((name) => name.includes('.wh.')),
      false,
    );
    assert.ok(fs.readFileSync(target('one.aci')).includes('SCHILY.xattr.user.mark=m\n'));
  });
  it('has the manifest of the image without dependencies and whitelist', () => {
    const manifest = JSON.parse(output('tar', '-xOf', target('one.aci'), 'manifest')) as Record<string, unknown>;
    assert.equal(manifest['name'], 'example.com/base');
    assert.deepEqual(manifest['annotations'], [{ name: 'authors', value: 'me' }]);
    assert.deepEqual(
      Object.keys(manifest).filter((key) => ['dependencies', 'pathWhitelist'].includes(key)),
      [],
    );
  });
  it('is byte for byte the same the second time', () => {
    rig.ok('export', pod, target('two.aci'));
    assert.ok(fs.readFileSync(target('one.aci')).equals(fs.readFileSync(target('two.aci'))));
  });
  it('can be fetched and run again', () => {
    const script =
      'cat /etc/new; ls /data/dir /data/elsewhere; [ -e /etc/gone ] || echo gone; echo $KEPT; stat -c %a:%u:%g /etc/new';
    const { status, stdout, stderr } = rig.podctl(
      ...['--insecure-options=image', 'run', '--net=none', target('one.aci'), '--exec=/bin/sh', '--', '-c', script],
    );
    assert.equal(status, 0, stderr);
    assert.equal(stdout, 'new\n/data/dir:\nonly\n\n/data/elsewhere:\ninside\ngone\nyes\n4750:12:34\n');
  });

  it('refuses a name without .aci, a file that is there, an app that is not, a pod that is not exited', () => {
    const refused = (code: RegExp, ...args: string[]): void => {
      const { status, stderr } = rig.podctl('export', ...args);
      assert.equal(status, 254, stderr);
      assert.match(stderr, code);
    };
    refused(/usage: .*does not end in \.aci/, pod, target('x.tar'));
    refused(/output-exists: output ACI file exists \(try --overwrite\)/, pod, target('one.aci'));
    refused(/app-not-found: .*has no app "other", only base/, '--app=other', pod, target('x.aci'));
    const prepared = rig.ok('--insecure-options=image', 'prepare', target('one.aci')).trim();
    refused(/pod-wrong-state: .*is prepared, not exited/, prepared, target('x.aci'));
    rig.ok('rm', prepared);
    refused(/io: ENOENT/, pod, '/nowhere/x.aci');
    assert.deepEqual(
      fs.readdirSync(rig.root).filter((name) => name.includes('x.')),
      [],
    );
  });
  it('replaces with --overwrite, and by its own name', () => {
    const file = rig.write('old.aci', 'old');
    rig.ok('export', '--overwrite', '--app=base', pod, file);
    assert.ok(fs.readFileSync(file).equals(fs.readFileSync(target('one.aci'))));
  });
  it('makes the manifest of what the pod knows if the image is gone', () => {
    const [{ id }] = JSON.parse(rig.ok('image', 'list', '--format=json')) as [{ id: string }];
    rig.ok('image', 'rm', id);
    const { stderr, status } = rig.podctl('export', pod, target('late.aci'));
    assert.equal(status, 0, stderr);
    assert.match(stderr, /warning: the image of app "base" is in the store no more/);
    const manifest = JSON.parse(output('tar', '-xOf', target('late.aci'), 'manifest')) as Record<string, unknown>;
    assert.deepEqual([manifest['name'], manifest['labels']], ['example.com/base', [{ name: 'version', value: '3' }]]);
    rig.ok('--insecure-options=image', 'fetch', target('late.aci'));
  });
  it('leaves no part of a file when a signal or SIGKILL ends it, and the pod stays an exited one', async () => {
    const begun = async (): Promise<ChildProcess> => {
      const child = spawn(PODCTL, [...rig.globals, 'export', pod, target('cut.aci')], { stdio: 'ignore' });
      // It may be done before it was seen to have begun.
      await until(() => fs.readdirSync(rig.root).find((name) => /^\.?cut\.aci/.test(name)), 'the temporary file');
      return child;
    };
    const asked = await begun();
    asked.kill('SIGINT');
    const [status] = await once(asked, 'exit');
    const names = fs.readdirSync(rig.root).filter((name) => name.includes('cut.aci'));
    const whole = fs.readFileSync(target('late.aci'));
    const isWhole = (): boolean => fs.statSync(target('cut.aci')).size === whole.length;
    // It may have been done already, and even on its way out.
    if (names.length > 0) assert.deepEqual([names, isWhole()], [['cut.aci'], true]);
    else assert.notEqual(status, 0);
    fs.rmSync(target('cut.aci'), { force: true });
    const killed = await begun();
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    if (fs.existsSync(target('cut.aci'))) assert.ok(isWhole());
    assert.match(rig.ok('status', pod), /^state=exited$/m);
    assert.deepEqual(
      fs
        .readFileSync('/proc/self/mounts', 'utf8')
        .split('\n')
        .filter((line) => line.includes(rig.root)),
      [],
    );
    rig.ok('rm', pod);
  });
  it('writes the pod’s own IDs, with users of its own and with a copied root', () => {
    const image = target('late.aci');
    const script = 'rm /etc/hard; echo mine > /mine; chown 5:6 /mine';
    for (const [index, flags] of [
      ['--no-overlay'],
      ['--private-users'],
      ['--no-overlay', '--private-users'],
    ].entries()) {
      const save = `${rig.root}/uuid3`;
      const users = flags.map((flag) =>
        flag === '--private-users' ? `--private-users=${4_000_000 + index * 65_536}` : flag,
      );
      const run = [
        'run',
        '--net=none',
        `--uuid-file-save=${save}`,
        ...users,
        image,
        '--exec=/bin/sh',
        '--',
        '-c',
        script,
      ];
      const { status, stderr } = rig.podctl('--insecure-options=image', ...run);
      assert.equal(status, 0, stderr);
      const file = target(`own${index}.aci`);
      rig.ok('export', fs.readFileSync(save, 'utf8').trim(), file);
      const files = listing(file);
      assert.match(files.get('rootfs/mine') ?? '', /^-\S+ 5\/6 5 /, flags.join(' '));
      assert.match(files.get('rootfs/bin/busybox') ?? '', /^-\S+ 0\/0 /);
      assert.equal(files.has('rootfs/etc/hard'), false);
    }
  });
  it('names the apps of a pod of several', () => {
    const image = target('late.aci');
    const save = `${rig.root}/uuid2`;
    const app = (name: string): string[] => [image, `--name=${name}`, '--exec=/bin/true'];
    const run = [PODCTL, ...rig.globals, '--insecure-options=image', 'run', '--net=none', `--uuid-file-save=${save}`];
    assert.equal(command([...run, ...app('a'), '---', ...app('b')]).status, 0);
    const both = fs.readFileSync(save, 'utf8').trim();
    assert.match(rig.podctl('export', both, target('x.aci')).stderr, /app-not-found: .*has several apps: a, b/);
    rig.ok('export', '--app=b', both, target('b.aci'));
    rig.ok('gc', '--grace-period=0');
    assert.deepEqual(rig.leftovers(), []);
  });
});
