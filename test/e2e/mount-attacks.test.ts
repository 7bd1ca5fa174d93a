/** Images that try to decide where mounts land, and what passes between the mounts of a pod and those of the host. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { buildAci, busyboxAci } from '../fixtures/aci';
import { busyboxRoot } from '../fixtures/busybox';
import type { TarItem } from '../fixtures/tar-writer';
import { needsHost, output, Rig } from '../rig/rig';

const link = (name: string, linkName: string): TarItem => ({ name: `rootfs/${name}`, type: '2', linkName });

describe('mounts of hostile images', () => {
  let rig: Rig;
  let source: string;

  before(function () {
    needsHost(this);
    rig = new Rig();
    source = path.join(rig.root, 'source');
    fs.mkdirSync(source);
    fs.writeFileSync(`${source}/f`, 'volume\n');
  });
  after(() => rig?.dispose());

  const imageWith = (...files: TarItem[]): string =>
    rig.write('hostile.aci', busyboxAci({ name: 'example.com/x', files }));
  const sh = (script: string) => ['--exec=/bin/sh', '--', '-c', script];
  const run = (...args: string[]) => rig.podctl('--insecure-options=image', 'run', '--net=none', ...args);
  const mounted = (image: string, target: string, script: string) =>
    run(`--volume=v,kind=host,source=${source}`, `--mount=volume=v,target=${target}`, image, ...sh(script));
  const refused = (image: string, target: string, code: string, message: RegExp): void => {
    const before = rig.leftovers();
    const { status, stderr } = mounted(image, target, 'true');
    assert.equal(status, 254, stderr);
    assert.match(stderr, new RegExp(`^podctl: run: ${code}`));
    assert.match(stderr, message);
    assert.deepEqual(rig.leftovers(), before);
  };

  it('resolves links of the image inside the image, wherever they point', () => {
    const image = imageWith(
      link('abs', '/etc'),
      link('up', '../../../../../../../../../'),
      link('deep', 'abs/../abs/../home'),
    );
    const mark = `podctl-test-${process.pid}`;
    for (const [target, lands] of [
      [`/abs/${mark}`, `/etc/${mark}`],
      [`/up/${mark}`, `/${mark}`],
      ['/deep', '/home'],
      ['/../../home', '/home'],
    ] as const) {
      const { stdout, stderr } = mounted(image, target, `cat ${lands}/f; grep -c " ${lands} " /proc/self/mountinfo`);
      assert.equal(stdout, 'volume\n1\n', `${target}: ${stderr}`);
      if (lands !== '/home') assert.equal(fs.existsSync(lands), false, 'the host has no such directory');
    }
  });

  it('refuses links that lead nowhere, in circles, or through files', () => {
    const image = imageWith(link('dangling', '/nowhere'), link('magic', '/proc/self/root'), link('circle', 'circle'), {
      name: 'rootfs/file',
      content: 'x',
    });
    for (const target of ['/dangling', '/dangling/x', '/magic', '/magic/etc', '/circle', '/file/below']) {
      refused(image, target, 'mount-target-refused', /app "x": nothing can be mounted on/);
    }
  });

  it('refuses targets in /proc and /sys, over / and /dev, and over the devices of every app', () => {
    const image = imageWith(link('p', '/proc'), link('s', 'sys'), link('d', '/dev'));
    for (const target of [
      '/',
      '/proc',
      '/proc/sys',
      '/p/sys/kernel',
      '/s',
      '/sys/fs/cgroup',
      '/dev',
      '/d',
      '/dev/null',
      '/dev/pts',
      '/dev/pts/0',
      '/home/../proc/self',
    ]) {
      refused(image, target, 'mount-target-refused', /cannot be mounted on/);
    }
    assert.equal(mounted(image, '/dev/shm', 'cat /dev/shm/f').stdout, 'volume\n');
    assert.equal(mounted(image, '/dev/own/place', 'cat /dev/own/place/f').stdout, 'volume\n');
  });

  it('CVE-2025-52881 refuses an image whose /proc, /sys or /dev is no directory: masks would cover something else', () => {
    for (const name of ['proc', 'sys', 'dev']) {
      const before = rig.leftovers();
      const files = [...busyboxRoot().filter((entry) => entry.name !== `rootfs/${name}/`), link(name, 'home')];
      const app = { exec: ['/bin/true'], user: '0', group: '0' };
      const image = rig.write('hostile.aci', buildAci({ name: 'example.com/x', app, files }));
      const { status, stderr } = run(image);
      assert.equal(status, 254);
      assert.match(stderr, new RegExp(`image-unfit: app "x": /${name} of its image is not a directory`));
      assert.deepEqual(rig.leftovers(), before);
    }
  });

  it('keeps setuid programs and devices of a volume from working', () => {
    output('mknod', '-m', '666', `${source}/zero`, 'c', '1', '5');
    const script = 'head -c 1 /v/zero | wc -c; grep " /v " /proc/self/mountinfo | cut -d " " -f 6';
    const { stdout, stderr } = mounted(imageWith(), '/v', script);
    assert.match(stdout, /^0\nrw,nosuid,nodev/, stderr);
    assert.match(stderr, /zero: Permission denied/);
  });

  describe('with mounts that come later', () => {
    const SCRIPT = 'touch /v/ready; until [ -e /v/go ]; do :; done; cat /v/sub/late 2>/dev/null || echo hidden';
    let shared: string;
    beforeEach(() => {
      shared = fs.mkdtempSync(`${rig.root}/shared-`);
      output('mount', '--bind', shared, shared);
      output('mount', '--make-shared', shared);
      fs.mkdirSync(`${shared}/sub`);
      fs.mkdirSync(`${shared}/own`);
      output('mount', '-t', 'tmpfs', 'none', `${shared}/own`);
      fs.writeFileSync(`${shared}/own/kept`, 'kept');
    });
    afterEach(() => {
      output('umount', '-R', shared);
    });
    const ready = async (): Promise<void> => {
      while (!fs.existsSync(`${shared}/ready`)) await new Promise((resolve) => setImmediate(resolve));
    };

    for (const [propagation, seen] of [
      ['private', 'hidden\n'],
      ['rslave', 'late\n'],
      ['rshared', 'late\n'],
    ] as const) {
      it(`propagation=${propagation}: a mount of the host is ${seen.trim()}; what it had stays`, async () => {
        const image = imageWith();
        const volume = `--volume=v,kind=host,source=${shared},propagation=${propagation}`;
        const args = [volume, '--mount=volume=v,target=/v', image, ...sh(SCRIPT)];
        const running = rig.start('--insecure-options=image', 'run', '--net=none', ...args);
        await ready();
        output('mount', '-t', 'tmpfs', 'none', `${shared}/sub`);
        fs.writeFileSync(`${shared}/sub/late`, 'late\n');
        fs.writeFileSync(`${shared}/go`, '');
        const { stdout, stderr } = await running.ended;
        assert.equal(stdout, seen, stderr);
        assert.equal(fs.readFileSync(`${shared}/own/kept`, 'utf8'), 'kept', 'the end of the pod unmounts nothing');
      });
    }

    it('propagation=rshared lets an app that may mount do it for the host; rslave does not', () => {
      const image = imageWith();
      for (const [propagation, reaches] of [
        ['rslave', false],
        ['rshared', true],
      ] as const) {
        const volume = `--volume=v,kind=host,source=${shared},propagation=${propagation}`;
        const script = sh('mount -t tmpfs none /v/sub && touch /v/sub/of-app');
        const options = '--insecure-options=image,capabilities,seccomp';
        const { status, stderr } = rig.podctl(
          options,
          'run',
          '--net=none',
          volume,
          '--mount=volume=v,target=/v',
          image,
          ...script,
        );
        assert.equal(status, 0, stderr);
        assert.equal(fs.existsSync(`${shared}/sub/of-app`), reaches, propagation);
      }
    });

    it('refuses read-only with propagation, which could not be kept', () => {
      const volume = `--volume=v,kind=host,source=${shared},readOnly=true,propagation=rslave`;
      const { status, stderr } = run(volume, '--mount=volume=v,target=/v', imageWith());
      assert.equal(status, 254);
      assert.match(stderr, /volume-unfit.*read-only with propagation=rslave/);
    });
  });
});
