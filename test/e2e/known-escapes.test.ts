/** The ways out of other runtimes that became known, each by its number: images and apps made for them, and what becomes of it. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { buildAci } from '../fixtures/aci';
import { busyboxRoot } from '../fixtures/busybox';
import { whileSwapped } from '../fixtures/swapper';
import type { TarItem } from '../fixtures/tar-writer';
import { mountsOf, Probe } from '../rig/probe';
import { command, DIST, needsHost, Rig, until } from '../rig/rig';

const link = (name: string, linkName: string): TarItem => ({ name: `rootfs/${name}`, type: '2', linkName });
const digest = (file: string): string => createHash('sha256').update(fs.readFileSync(file)).digest('hex');
/** Numbers that the executor, or whoever calls it, may have open. */
const DESCRIPTORS = [3, 4, 5, 6, 7, 8, 9, 10, 20];

describe('known escapes', () => {
  let rig: Rig;
  let probe: Probe;
  before(function () {
    needsHost(this);
    rig = new Rig();
    probe = new Probe(rig);
  });
  afterEach(() => {
    for (const pod of JSON.parse(rig.ok('list', '--format=json')) as { name: string; state: string }[])
      if (pod.state === 'running') rig.ok('stop', '--force', pod.name);
    rig.removeEnded();
  });
  after(() => rig?.dispose());

  const detach = (image: string, ...app: string[]): string =>
    rig.ok('--insecure-options=image', 'run', '--detach', '--net=none', image, ...app).trim();

  describe('CVE-2019-5736 the program of the executor, run by an image as its own interpreter', () => {
    /** A podctl that is writable where it lies: the checkout is mounted read-only here. */
    let program: string;
    let executor: string;
    before(() => {
      program = path.join(rig.root, 'program');
      fs.mkdirSync(program);
      for (const name of ['podctl', 'lib', 'podctl.cjs', 'more.cjs', 'native'])
        fs.cpSync(`${DIST}/${name}`, `${program}/${name}`, { recursive: true });
      executor = `${program}/native/podctl-stage1`;
      fs.accessSync(executor, fs.constants.W_OK);
    });
    const own = (...args: string[]) =>
      command([`${program}/podctl`, ...rig.globals, '--insecure-options=image', ...args]);

    it('is refused as an interpreter', () => {
      const files = [{ name: 'rootfs/bin/trap', mode: 0o755, content: '#!/proc/self/exe\n' }];
      for (const words of [['--exec=/bin/trap'], ['--exec=/proc/self/exe'], ['--exec=/proc/1/exe']]) {
        const { status, stderr } = own('run', '--net=none', probe.imageWith('trap', files), ...words);
        assert.equal(status, 254);
        assert.match(stderr, /exec-failed: .*ELOOP|exec-not-found: /);
      }
    });

    it('cannot be written where it runs as the interpreter of an interpreter, and the app catches it', async () => {
      const before = digest(executor);
      const trap = probe.imageWith('trap', [
        { name: 'rootfs/bin/trap', mode: 0o755, content: '#!/bin/inner\n' },
        { name: 'rootfs/bin/inner', mode: 0o755, content: '#!/proc/self/exe\n' },
      ]);
      // The init runs another file than the command that enters, as after an upgrade: else none could be written while it runs.
      const uuid = detach(trap, '--exec=/bin/sh', '--', '-c', 'exec /bin/probe hunt >/caught');
      const caught = (): string => rig.ok('enter', uuid, '/bin/cat', '/caught');
      const lines = await until(() => {
        assert.match(own('enter', uuid, '/bin/trap').stderr, /^usage: podctl-stage1/, 'the executor runs in the app');
        const found = caught().trim();
        return found === '' ? undefined : found.split('\n');
      }, 'a catch');
      // Its name is that of a mount that is nowhere but in the executor.
      assert.deepEqual([...new Set(lines)], ['/ EROFS']);
      assert.equal(digest(executor), before);
    });
  });

  describe('CVE-2024-21626 a working directory behind a descriptor of the executor', () => {
    it('as the image’s workingDirectory is refused, whatever the number', () => {
      for (const fd of DESCRIPTORS) {
        const image = probe.imageWith('cwd', [], { workingDirectory: `/proc/self/fd/${fd}` });
        const { status, stdout, stderr } = probe.run(['see'], [], image);
        assert.deepEqual([status, stdout], [254, ''], `${fd}: ${stderr}`);
      }
    });

    it('by --working-dir and links of the image is refused, by run and by enter', () => {
      const links = DESCRIPTORS.map((fd) => link(`l${fd}`, `/proc/self/fd/${fd}`));
      const more = [
        link('up', '/proc/self/fd/7/../../..'),
        link('pid1', '/proc/1/root'),
        link('cwd', '/proc/self/cwd'),
      ];
      const image = probe.imageWith('links', [...links, ...more]);
      const uuid = detach(image, '--exec=/bin/sleep', '--', '1000');
      const directories = [...DESCRIPTORS.map((fd) => `/l${fd}`), '/up', '/pid1', '/cwd', '/proc/self/fd/7', '/l7/..'];
      for (const directory of directories) {
        const { status, stdout, stderr } = rig.podctl('enter', `--working-dir=${directory}`, uuid, 'pwd');
        assert.deepEqual([status, stdout], [254, ''], `${directory}: ${stderr}`);
      }
      for (const directory of directories.slice(3, 8)) {
        const { status, stdout, stderr } = probe.run(['see'], [`--working-dir=${directory}`], image);
        assert.deepEqual([status, stdout], [254, ''], `${directory}: ${stderr}`);
      }
    });

    it('enter leaks no file of its own, nor of the caller', () => {
      const uuid = detach(probe.image, '--exec=/bin/sleep', '--', '1000');
      const globals = rig.globals.join(' ');
      const script = `exec 5</ 6</etc/passwd 7<>${rig.root}/mine; cd ${rig.root}; ${DIST}/podctl ${globals} enter ${uuid} /bin/probe see </dev/null`;
      const { status, stdout, stderr } = command(['/bin/bash', '-c', script]);
      assert.equal(status, 0, stderr);
      const sight = JSON.parse(stdout) as ReturnType<Probe['see']>;
      const files = sight.fds.map(({ fd, to }) => [fd, to.replace(/\d+/, 'N')]);
      assert.deepEqual(files, [
        ['0', 'pipe:[N]'],
        ['1', 'pipe:[N]'],
        ['2', 'pipe:[N]'],
      ]);
      assert.deepEqual([sight.cwd, sight.root, sight.exe], ['/', '/', '/bin/probe']);
      assert.doesNotMatch(sight.mountinfo + sight.environ.join(), new RegExp(path.basename(rig.root)));
    });
  });

  it('CVE-2025-31133 CVE-2025-52565 links of the image in /dev decide nothing: masks and the console are the null device', () => {
    const bait = '/proc/sys/kernel/core_pattern';
    const names = ['null', 'console', 'ptmx', 'pts', 'shm', 'zero', 'tty', 'log', 'mqueue', 'fd'];
    const links = names.map((name) => link(`dev/${name}`, bait));
    const sight = probe.see([], probe.imageWith('links-in-dev', links));
    const plain = probe.see();
    const shape = (seen: typeof sight) =>
      mountsOf(seen).map(({ point, type, root, options }) => `${point} ${type} ${root} ${options}`);
    assert.deepEqual(shape(sight), shape(plain));
    assert.deepEqual([sight.devices, [...sight.dev].sort()], [plain.devices, [...plain.dev].sort()]);
    assert.equal(sight.devices['/proc/kallsyms'] ?? 'c 1:3 666', 'c 1:3 666');
  });

  it('CVE-2025-31133 a /dev/null of the image that is another device is not what masks, and one of the host is refused', () => {
    const node = (name: string, minor: number): string =>
      probe.imageWith(name, [{ name: 'rootfs/dev/null', type: '3', mode: 0o666, major: 1, minor }]);
    const words = ['-c', 'cat /proc/kallsyms /dev/null | wc -c'];
    const { status, stdout, stderr } = probe.run(words, ['--exec=/bin/sh'], node('zero', 5));
    assert.deepEqual([status, stdout], [0, '0\n'], stderr);
    assert.match(probe.run(['see'], [], node('memory', 1)).stderr, /image-device-refused/);
  });

  describe('CVE-2025-52881 writes to /proc that an image redirects', () => {
    it('no sysctl lands in the image’s own /proc, nor is one of the host written', () => {
      const host = fs.readFileSync('/proc/sys/kernel/core_pattern', 'utf8');
      const fake = ['net/core/somaxconn', 'net/ipv4/ip_forward', 'kernel/shmmni'].map((name) =>
        link(`proc/sys/${name}`, '/proc/sys/kernel/core_pattern'),
      );
      const image = probe.imageWith('fake-proc', fake);
      const script =
        'cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni; test -L /proc/sys/kernel/shmmni || echo file';
      const flags = ['--exec=/bin/sh', '--oom-score-adj=500'];
      const sysctls = ['--sysctl=net.ipv4.ip_forward=1', '--sysctl=kernel.shmmni=4242'];
      const { status, stdout, stderr } = rig.podctl(
        '--insecure-options=image',
        'run',
        '--net=none',
        ...sysctls,
        image,
        ...flags,
        '--',
        '-c',
        script,
      );
      assert.deepEqual([status, stdout], [0, '1\n4242\nfile\n'], stderr);
      assert.equal(fs.readFileSync('/proc/sys/kernel/core_pattern', 'utf8'), host);
    });

    for (const name of ['proc', 'sys', 'dev', 'proc/sys']) {
      it(`an image whose /${name} leads elsewhere is refused, or its link is covered`, () => {
        const files = [...busyboxRoot().filter((entry) => entry.name !== `rootfs/${name}/`), link(name, '/etc')];
        const app = { exec: ['/bin/ls'], user: '0', group: '0' };
        const image = rig.write('redirect.aci', buildAci({ name: 'example.com/redirect', app, files }));
        const { status, stdout, stderr } = rig.podctl(
          '--insecure-options=image',
          'run',
          '--net=none',
          image,
          '--exec=/bin/ls',
          '--',
          '-ld',
          `/${name}`,
        );
        if (name.includes('/')) assert.match(stdout, /^dr-x.* \/proc\/sys\n$/, stderr);
        else assert.deepEqual([status, /image-unfit/.test(stderr)], [254, true], stderr);
      });
    }
  });

  describe('CVE-2021-30465 a volume that changes while it is mounted', () => {
    it('is the directory that was there, or is refused: never where a link leads', async () => {
      const at = path.join(rig.root, 'swap');
      for (const name of ['dir', 'secret']) fs.mkdirSync(`${at}/${name}/sub`, { recursive: true });
      fs.writeFileSync(`${at}/secret/sub/mark`, 'secret');
      fs.writeFileSync(`${at}/dir/sub/mark`, 'public');
      fs.symlinkSync(`${at}/secret`, `${at}/link`);
      const seen = new Map<string, number>();
      await whileSwapped(at, () => {
        for (let i = 0; i < 12; i += 1) {
          const { status, stdout, stderr } = rig.podctl(
            '--insecure-options=image',
            'run',
            '--net=none',
            `--volume=v,kind=host,source=${at}/dir/sub`,
            '--mount=volume=v,target=/v',
            probe.image,
            '--exec=/bin/cat',
            '--',
            '/v/mark',
          );
          if (status !== 0) assert.match(stderr, /volume-|bind|openat2/, stderr);
          const what = status === 0 ? stdout : 'refused';
          seen.set(what, (seen.get(what) ?? 0) + 1);
        }
      });
      assert.deepEqual(
        [...seen.keys()].filter((what) => !['public', 'refused'].includes(what)),
        [],
      );
    });
  });
});
