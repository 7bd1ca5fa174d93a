/** What every app finds in /proc, /sys, /dev and /etc, and read-only roots. Numbers are those of appc §3.3 and §3.6. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { buildAci, busyboxAci } from '../fixtures/aci';
import { busyboxRoot } from '../fixtures/busybox';
import type { TarItem } from '../fixtures/tar-writer';
import { needsHost, output, Rig } from '../rig/rig';

const link = (name: string, linkName: string): TarItem => ({ name: `rootfs/${name}`, type: '2', linkName });

describe('files of an app', () => {
  let rig: Rig;
  let image: string;

  before(function () {
    needsHost(this);
    rig = new Rig();
    image = rig.write('plain.aci', busyboxAci({ name: 'example.com/plain' }));
  });
  after(() => rig?.dispose());

  const imageWith = (name: string, ...files: TarItem[]): string =>
    rig.write(`${name}.aci`, busyboxAci({ name: `example.com/${name}`, files }));
  const sh = (script: string, ...words: string[]) => [...words, '--exec=/bin/sh', '--', '-c', script];
  const run = (...args: string[]) => rig.podctl('--insecure-options=image', 'run', ...args);
  const says = (script: string, file = image, ...flags: string[]): string => {
    const { status, stdout, stderr } = run('--net=none', ...flags, file, ...sh(script));
    assert.equal(status, 0, stderr);
    return stdout;
  };

  describe('of the kernel', () => {
    let points: Map<string, { type: string; options: string }>;
    before(() => {
      const lines = says('cat /proc/self/mountinfo').trim().split('\n');
      points = new Map(
        lines.map((line) => {
          const [left = '', right = ''] = line.split(' - ');
          const [, , , , point = '', options = ''] = left.split(' ');
          return [point, { options, type: right.split(' ')[0] ?? '' }];
        }),
      );
    });
    const MOUNTS: readonly [string, string, string, RegExp][] = [
      ['O1', '/proc', 'proc', /^rw,nosuid,nodev,noexec/],
      ['O2', '/sys', 'sysfs', /^ro,nosuid,nodev,noexec/],
      ['O10', '/dev/pts', 'devpts', /^rw,nosuid,noexec/],
      ['O12', '/dev/shm', 'tmpfs', /^rw,nosuid,nodev/],
    ];
    for (const [number, point, type, options] of MOUNTS) {
      it(`${number} ${point} is a ${type}`, () => {
        assert.equal(points.get(point)?.type, type);
        assert.match(points.get(point)?.options ?? '', options);
      });
    }

    const DEVICES = ['null 1,3', 'zero 1,5', 'full 1,7', 'random 1,8', 'urandom 1,9', 'tty 5,0', 'console 1,3'];
    for (const [index, device] of DEVICES.entries()) {
      const [name = '', numbers = ''] = device.split(' ');
      it(`O${3 + index} /dev/${name} is a device that can be used`, () => {
        const stat = says(`stat -c "%F %t,%T %a" /dev/${name}`);
        assert.equal(stat, `character special file ${numbers} 666\n`);
        // A process without a terminal has no /dev/tty to open: ENXIO, not EPERM.
        const opened = run('--net=none', image, ...sh(`: <>/dev/${name}`));
        if (name === 'tty') assert.match(opened.stderr, /No such device or address/);
        else assert.equal(opened.status, 0, opened.stderr);
      });
    }

    it('O11 /dev/ptmx makes terminals in the app’s own /dev/pts', () => {
      const script = 'readlink /dev/ptmx; ls /dev/pts; exec 3<>/dev/ptmx; ls /dev/pts';
      assert.equal(says(script), 'pts/ptmx\nptmx\n0\nptmx\n');
    });

    it('hides what describes or steers the host, unless --insecure-options=paths', () => {
      const script =
        'cat /proc/kallsyms; ls -A /sys/firmware /sys/module /sys/power | grep -v -e : -e "^$"; ' +
        'for f in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /sys/kernel/mm/ksm/run; do (: >>$f) 2>/dev/null && echo $f; done; true';
      assert.equal(says(script), '');
      const open = rig.podctl('--insecure-options=image,paths', 'run', '--net=none', image, ...sh(script));
      assert.match(open.stdout, /^\/proc\/sys\/kernel\/core_pattern$/m);
      assert.match(open.stdout, /^loop$/m);
    });

    it('brings syslog(3) into the journal, under the pod’s unit', () => {
      const uuidFile = `${rig.root}/uuid`;
      // journald asks the kernel whose process it was that sent a message; on a busy machine some are over by then.
      says('for i in $(seq 20); do logger -t greeter from the app; done', image, `--uuid-file-save=${uuidFile}`);
      const uuid = fs.readFileSync(uuidFile, 'utf8').trim();
      output('journalctl', '--sync');
      const lines = output('journalctl', '-o', 'cat', '-u', `podctl-${uuid}.service`, '-t', 'greeter');
      assert.match(lines, /^(?:from the app\n)+$/);
    });
  });

  describe('names', () => {
    it('O13 O14 /etc/hosts has localhost, and /etc/hostname the name', () => {
      const text = says('cat /etc/hosts /etc/hostname; hostname', image, '--hostname=here');
      assert.match(text, /^127\.0\.0\.1\tlocalhost$/m);
      assert.match(text, /^::1\tlocalhost/m);
      assert.match(text, /^127\.0\.1\.1\there$/m);
      assert.match(text, /\nhere\nhere\n$/);
    });

    it('O15 leaves an image’s /etc/hosts alone, unless asked', () => {
      const own = imageWith('own', { name: 'rootfs/etc/hosts', content: 'own\n' });
      assert.equal(says('cat /etc/hosts', own), 'own\n');
      const asked = says('cat /etc/hosts', own, '--hosts-entry=192.0.2.7=a,192.0.2.7=b', '--hosts-entry=2001:db8::1=c');
      assert.match(asked, /^127\.0\.0\.1\tlocalhost\n.*\n.*\n192\.0\.2\.7\ta b\n2001:db8::1\tc\n$/);
      assert.equal(says('cat /etc/hosts', own, '--hosts-entry=host'), fs.readFileSync('/etc/hosts', 'utf8'));
      assert.equal(says('cat /etc/hosts', own), 'own\n', 'the image stays as it is');
    });

    it('/etc/resolv.conf is the host’s with its network, the image’s without, or what the flags say', () => {
      const own = imageWith('resolving', { name: 'rootfs/etc/resolv.conf', content: 'own\n' });
      const hosts = fs.existsSync('/etc/resolv.conf') ? fs.readFileSync('/etc/resolv.conf', 'utf8') : 'own\n';
      assert.equal(run('--net=host', own, ...sh('cat /etc/resolv.conf')).stdout, hosts);
      assert.equal(run('--net=host', '--dns=none', own, ...sh('cat /etc/resolv.conf')).stdout, 'own\n');
      assert.equal(says('cat /etc/resolv.conf', own), 'own\n');
      const flags = ['--dns=192.0.2.1', '--dns=fe80::1%eth0', '--dns-search=a.example', '--dns-search=b.example'];
      const more = ['--dns-opt=ndots:2', '--dns-opt=rotate', '--dns-domain=example'];
      assert.equal(
        says('cat /etc/resolv.conf', own, ...flags, ...more),
        'domain example\nsearch a.example b.example\nnameserver 192.0.2.1\nnameserver fe80::1%eth0\noptions ndots:2 rotate\n',
      );
      for (const bad of [['--dns=x'], ['--dns=host', '--dns=192.0.2.1'], ['--dns=1.2.3.256'], ['--hosts-entry=a=b']]) {
        const { status, stderr } = run('--net=none', ...bad, image);
        assert.deepEqual([status, /^podctl: run: usage/.test(stderr)], [254, true], stderr);
      }
    });

    it('replaces links of an image in their places, and follows none', () => {
      const linked = imageWith(
        'linked',
        link('etc/resolv.conf', '../run/systemd/resolve/stub-resolv.conf'),
        link('etc/hosts', '/bin/busybox'),
        link('etc/hostname', '/proc/self/root/proc/sys/kernel/hostname'),
        link('etc/mtab', '/nowhere'),
      );
      const script =
        'for f in resolv.conf hosts hostname; do test -L /etc/$f && echo link $f; done; cat /etc/resolv.conf /etc/hostname; ' +
        'tail -n 1 /etc/hosts; readlink /etc/mtab; busybox true';
      const flags = ['--dns=192.0.2.1', '--hosts-entry=192.0.2.2=x', '--hostname=h'];
      assert.equal(says(script, linked, ...flags), 'nameserver 192.0.2.1\nh\n192.0.2.2\tx\n/nowhere\n');
      assert.equal(says('test -L /etc/hosts && echo link', linked), 'link\n', 'O15: a link to a file is a file');
      const elsewhere = busyboxRoot().map((entry) => ({
        ...entry,
        name: String(entry.name).replace('rootfs/etc/', 'rootfs/real/'),
      }));
      const app = { exec: ['/bin/true'], user: '0', group: '0' };
      const moved = rig.write(
        'moved.aci',
        buildAci({ name: 'example.com/moved', app, files: [...elsewhere, link('etc', 'real')] }),
      );
      assert.match(says('cat /real/hostname /etc/hosts', moved, '--hostname=h'), /^h\n127/);
    });

    it('leaves alone what a volume covers, and an image’s own /etc/mtab', () => {
      const volume = ['--volume=v,kind=empty', '--mount=volume=v,target=/etc'];
      assert.equal(says('ls -A /etc', image, ...volume, '--dns=192.0.2.1'), '');
      assert.equal(says('readlink /etc/mtab; grep -c " /proc " /etc/mtab'), '../proc/self/mounts\n1\n');
    });

    it('refuses a directory in the place of such a file, and leaves nothing behind', () => {
      const odd = imageWith('odd', { name: 'rootfs/etc/hostname/' });
      const before = rig.leftovers();
      const { status, stderr } = run('--net=none', odd);
      assert.equal(status, 254);
      assert.match(stderr, /\/etc\/hostname.*a directory is in the place of a file/);
      assert.deepEqual(rig.leftovers(), before);
    });
  });

  it('C10 D2 --readonly-rootfs leaves /dev, /run, /tmp, /var/tmp and volumes writable, and nothing else', () => {
    const holding = imageWith('holding', { name: 'rootfs/run/kept', content: 'kept\n' });
    const script =
      'for d in / /etc /home /var; do (echo >$d/x) 2>/dev/null && echo writable $d; done; ' +
      'for d in /dev /run /tmp /var/tmp /data; do echo >$d/x || echo read-only $d; done; ' +
      'cat /run/kept; stat -c %a /tmp; cat /etc/hostname; (echo >>/etc/passwd) 2>/dev/null && echo writable passwd; ' +
      '(mount -o remount,rw /) 2>/dev/null && echo remounted; grep " / / " /proc/self/mountinfo | cut -d " " -f 6';
    const flags = ['--hostname=h', '--volume=data,kind=empty', '--mount=volume=data,target=/data'];
    const { stdout, stderr } = run('--net=none', ...flags, holding, ...sh(script, '--readonly-rootfs'));
    assert.equal(stdout, 'kept\n1777\nh\nro,relatime\n', stderr);
    const missing = run('--net=none', image, ...sh('echo >/run/x && echo >/var/tmp/x && ls /run', '--readonly-rootfs'));
    assert.equal(missing.stdout, 'x\n', missing.stderr);
  });
});
