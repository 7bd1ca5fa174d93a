/** All that an app is given, as a program in its place sees it: no shell is in between, and nothing more may be there. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { mountsOf, Probe, type Sight, statusOf } from '../rig/probe';
import { needsHost, Rig } from '../rig/rig';

const ENVIRONMENT = [
  'AC_APP_NAME=probe',
  'HOME=/root',
  'LOGNAME=root',
  'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  'SHELL=/bin/sh',
  'USER=root',
  'container=podctl',
];
const FOURTEEN = '00000000a80425fb';
const NOTHING = '0000000000000000';
/** Far from every other range of the tests, and of the host's users. */
const RANGE = 3_100_000_000;

/** By mount point: file system, what of it, how. Nothing else is mounted but what hides or protects parts of /proc and /sys. */
const MOUNTS: Readonly<Record<string, string>> = {
  '/': 'overlay / rw,relatime',
  '/proc': 'proc / rw,nosuid,nodev,noexec,relatime',
  '/sys': 'sysfs / ro,nosuid,nodev,noexec,relatime',
  '/sys/fs/cgroup': 'cgroup2 / ro,nosuid,nodev,noexec,relatime',
  '/dev': 'tmpfs / rw,nosuid,noexec,relatime',
  '/dev/null': 'devtmpfs /null rw,relatime',
  '/dev/zero': 'devtmpfs /zero rw,relatime',
  '/dev/full': 'devtmpfs /full rw,relatime',
  '/dev/random': 'devtmpfs /random rw,relatime',
  '/dev/urandom': 'devtmpfs /urandom rw,relatime',
  '/dev/tty': 'devtmpfs /tty rw,relatime',
  '/dev/console': 'devtmpfs /null rw,relatime',
  '/dev/pts': 'devpts / rw,nosuid,noexec,relatime',
  '/dev/shm': 'tmpfs / rw,nosuid,nodev,relatime',
  '/dev/mqueue': 'mqueue / rw,nosuid,nodev,noexec,relatime',
  '/dev/log': 'tmpfs /systemd/journal/dev-log rw,nosuid,nodev,relatime',
  '/etc/hostname': 'tmpfs /etc/hostname rw,nosuid,nodev,noexec,relatime',
  '/etc/hosts': 'tmpfs /etc/hosts rw,nosuid,nodev,noexec,relatime',
};
const READ_ONLY = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];
const HIDDEN = `/proc/acpi /proc/asound /proc/config.gz /proc/interrupts /proc/kallsyms /proc/kcore /proc/keys
  /proc/latency_stats /proc/sched_debug /proc/scsi /proc/timer_list /proc/timer_stats /sys/dev/block
  /sys/devices/virtual/powercap /sys/firmware /sys/fs/btrfs /sys/fs/ext4 /sys/fs/selinux /sys/fs/xfs /sys/hypervisor
  /sys/module /sys/power`.split(/\s+/);
/** Bound on themselves where the root is read-only: /run and /var/tmp are made for it, /tmp always. */
const KEPT_WRITABLE = ['/run', '/tmp', '/var/tmp'];

const DEVICES: Readonly<Record<string, string>> = {
  '/dev/null': 'c 1:3 666',
  '/dev/zero': 'c 1:5 666',
  '/dev/full': 'c 1:7 666',
  '/dev/random': 'c 1:8 666',
  '/dev/urandom': 'c 1:9 666',
  '/dev/tty': 'c 5:0 666',
  '/dev/console': 'c 1:3 666',
  '/dev/pts/ptmx': 'c 5:2 666',
};

const VARIANTS = [
  { what: 'an app of root', flags: [], uid: 0, capabilities: FOURTEEN, noNewPrivileges: '0' },
  { what: 'an app of a user', flags: ['--user=app'], uid: 1000, capabilities: NOTHING, noNewPrivileges: '1' },
  {
    what: 'an app among users of the pod’s own',
    flags: [`--private-users=${RANGE}`],
    uid: 0,
    capabilities: FOURTEEN,
    noNewPrivileges: '0',
  },
  {
    what: 'an app on a read-only root',
    flags: ['--readonly-rootfs'],
    uid: 0,
    capabilities: FOURTEEN,
    noNewPrivileges: '0',
  },
] as const;

describe('what an app is given', () => {
  let rig: Rig;
  let probe: Probe;
  before(function () {
    needsHost(this);
    rig = new Rig();
    probe = new Probe(rig);
  });
  after(() => rig?.dispose());

  for (const { what, flags, uid, capabilities, noNewPrivileges } of VARIANTS) {
    describe(what, () => {
      let sight: Sight;
      const hasOwnUsers = flags.some((flag) => flag.startsWith('--private-users'));
      const isReadOnly = flags.some((flag) => flag === '--readonly-rootfs');
      before(() => {
        sight = probe.see(flags);
      });
      after(() => rig.removeEnded());

      it('CVE-2024-21626 has three files, and none of them leads to the host', () => {
        const files = sight.fds.map(({ fd, to, access, device }) => [fd, to.replace(/\d+/, 'N'), access, device]);
        assert.deepEqual(files, [
          ['0', '/dev/null', 'read', '1:3'],
          ['1', 'pipe:[N]', 'write', '0:0'],
          ['2', 'pipe:[N]', 'write', '0:0'],
        ]);
        assert.notEqual(sight.fds[1]?.to, sight.fds[2]?.to);
        assert.deepEqual([sight.cwd, sight.root, sight.exe], ['/', '/', '/bin/probe']);
      });

      it('E1 E2 E3 E4 E5 has the environment of the specification, and no more', () => {
        // E3: AC_METADATA_URL is left out while there is no metadata service, rather than leading nowhere.
        assert.deepEqual([...sight.environ].sort(), ENVIRONMENT);
        assert.equal(sight.cmdline, '/bin/probe\0see\0');
        assert.equal(sight.cwd, '/');
      });

      it('I11 has its IDs, capabilities and a filter', () => {
        const ids = Array(4).fill(String(uid)).join('\t');
        const of = (name: string): string | undefined => statusOf(sight, name);
        assert.deepEqual([of('Uid'), of('Gid'), of('Groups'), of('Umask')], [ids, '0\t0\t0\t0', '', '0022']);
        assert.deepEqual([of('CapPrm'), of('CapEff'), of('CapBnd')], [capabilities, capabilities, FOURTEEN]);
        assert.deepEqual([of('CapInh'), of('CapAmb')], [NOTHING, NOTHING]);
        assert.deepEqual([of('NoNewPrivs'), of('Seccomp'), of('Seccomp_filters')], [noNewPrivileges, '2', '1']);
        assert.deepEqual([of('SigBlk'), of('SigIgn'), of('SigCgt')], [NOTHING, NOTHING, NOTHING]);
        assert.deepEqual([of('PPid'), of('TracerPid'), of('Threads')], ['1', '0', '1']);
        const users = hasOwnUsers ? `0 ${RANGE} 65536` : '0 0 4294967295';
        assert.equal(sight.users.trim().replace(/ +/g, ' '), users);
        assert.equal(sight.oom, '0\n');
      });

      it('has namespaces of its own, and is the root of its cgroup namespace', () => {
        for (const [name, own] of Object.entries(sight.namespaces)) {
          const isShared = name === 'time' || (name === 'user' && !hasOwnUsers);
          const host = fs.readlinkSync(`/proc/1/ns/${name}`);
          assert.equal(own === host, isShared, `${name}: ${own}, the host's is ${host}`);
        }
        assert.match(sight.cgroup, /^0::\/$/m);
      });

      it('O1 to O14 has the documented mounts, of nothing else of the host', () => {
        const mounts = mountsOf(sight);
        const expected = new Map(Object.entries(MOUNTS));
        if (isReadOnly) {
          expected.set('/', 'overlay / ro,relatime');
          for (const path of KEPT_WRITABLE) expected.set(path, `overlay ${path} rw,nosuid,nodev,relatime`);
        }
        // The kernel that this test runs on is the pod's, too: what is there is hidden.
        for (const path of READ_ONLY.filter((path) => fs.existsSync(path)))
          expected.set(path, `proc ${path.slice('/proc'.length)} ro,nosuid,nodev,noexec,relatime`);
        for (const path of HIDDEN.filter((path) => fs.existsSync(path))) {
          const nothing = fs.statSync(path).isDirectory()
            ? 'tmpfs / ro,nosuid,nodev,noexec,relatime'
            : MOUNTS['/dev/null'];
          expected.set(path, nothing ?? '');
        }
        const found = new Map(mounts.map(({ point, type, root, options }) => [point, `${type} ${root} ${options}`]));
        assert.deepEqual(Object.fromEntries([...found].sort()), Object.fromEntries([...expected].sort()));
        assert.equal(mounts.length, found.size, 'nothing is mounted twice in one place');
        // What `machinectl bind` mounts on the app's root in the pod-level one comes here; nothing goes the other way.
        for (const { point, type, propagation } of mounts)
          assert.match(propagation, type === 'overlay' ? /^master:\d+$/ : /^$/, point);
        assert.doesNotMatch(sight.mountinfo, /podctl/, 'no path of the host, nor of the pod-level root');
      });

      it('O3 to O12 has the documented devices, in the whole of its root', () => {
        const { devices, dev } = sight;
        const masks = Object.entries(devices).filter(([path]) => !HIDDEN.includes(path));
        assert.deepEqual(Object.fromEntries(masks.sort()), Object.fromEntries(Object.entries(DEVICES).sort()));
        const others = ['', '/fd', '/log', '/mqueue', '/ptmx', '/pts', '/shm', '/stderr', '/stdin', '/stdout'];
        assert.deepEqual([...dev].sort(), [...others.map((name) => `/dev${name}`), ...Object.keys(DEVICES)].sort());
      });

      it('can write nothing in /sys, and in /proc nothing that steers the host', () => {
        rig.removeEnded(); // an ended pod keeps its users
        const writable = probe.json(['writable', '/proc', '/sys'], flags) as string[];
        const pressure = ['io', 'cpu', 'memory', 'irq'].map((name) => `/proc/pressure/${name}`);
        const known = [...pressure, ...(uid === 0 && !hasOwnUsers ? ['/proc/mtrr'] : [])];
        assert.deepEqual(
          writable.filter((path) => !known.includes(path)),
          [],
        );
      });
    });
  }

  it('C10 a read-only root takes no new file, and is not made writable', () => {
    const attempts = ['create:/new', 'create:/etc/new', 'write:/etc/passwd', 'remount:/', 'create:/tmp/new'];
    const refused = {
      'create:/new': 'EROFS',
      'create:/etc/new': 'EROFS',
      'write:/etc/passwd': 'EROFS',
      'remount:/': 'EPERM',
    };
    assert.deepEqual(probe.tries(attempts, ['--readonly-rootfs']), { ...refused, 'create:/tmp/new': 'ok' });
  });

  it('says what identifies the app, and not what the image or the caller would have it say', () => {
    const liar = probe.imageWith('liar', [], {
      environment: [
        { name: 'AC_APP_NAME', value: 'other' },
        { name: 'container', value: 'other' },
      ],
    });
    const { environ } = probe.see(['--environment=AC_APP_NAME=third'], liar);
    assert.ok(environ.includes('AC_APP_NAME=liar') && environ.includes('container=podctl'), environ.join(' '));
    assert.deepEqual(
      environ.filter((variable) => /PODCTL|NOTIFY|JOURNAL|INVOCATION|SYSTEMD|NODE/.test(variable)),
      [],
    );
  });
});
