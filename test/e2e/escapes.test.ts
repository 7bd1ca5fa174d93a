/** Ways out of a pod, tried from inside by a program that knows them: each is refused, with the error that is written here. */
import assert from 'node:assert/strict';
import { Probe } from '../rig/probe';
import { needsHost, Rig } from '../rig/rig';

const NEW_USERS = 0x1000_0000;
const NEW_MOUNTS = 0x0002_0000;
const REFUSALS = ['EPERM', 'EACCES', 'EROFS', 'ENOENT', 'ENOSYS'];

/** What root gets: by attempt, its error. */
const ATTEMPTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'mounts and umounts nothing': {
    'mount:/tmp': 'EPERM',
    'bind:/tmp': 'EPERM',
    'shared:/': 'EPERM',
    'remount:/proc/sys': 'EPERM',
    'umount:/proc/sys': 'EPERM',
    'umount:/dev/null': 'EPERM',
    'fsopen:tmpfs': 'EPERM',
    'open_tree:/': 'EPERM',
    'pivot_root:/tmp': 'EPERM',
    handle: 'EPERM',
  },
  'makes and joins no namespace': {
    [`unshare:${NEW_USERS}`]: 'EPERM',
    [`unshare:${NEW_MOUNTS}`]: 'EPERM',
    [`clone:${NEW_USERS}`]: 'EPERM',
    [`clone:${NEW_MOUNTS}`]: 'EPERM',
    clone3: 'ENOSYS',
    'setns:/proc/self/ns/user': 'EPERM',
    'setns:/proc/1/ns/mnt': 'EACCES',
    'setns:/proc/1/ns/net': 'EACCES',
  },
  'does not trace, read or take from the init': {
    'ptrace:1': 'EPERM',
    'vm:1': 'EPERM',
    'mem:1': 'EACCES',
    'getfd:1': 'EPERM',
    'read:/proc/1/environ': 'EACCES',
    'read:/proc/1/root/': 'EACCES',
    'read:/proc/1/cwd/': 'EACCES',
    'read:/proc/1/exe': 'EACCES',
  },
  'does not reach the kernel': {
    keyctl: 'EPERM',
    add_key: 'EPERM',
    request_key: 'EPERM',
    bpf: 'EPERM',
    perf: 'EPERM',
    io_uring: 'EPERM',
    userfaultfd: 'EPERM',
    syslog: 'EPERM',
    module: 'EPERM',
    kexec: 'EPERM',
    reboot: 'EPERM',
    swapon: 'EPERM',
    settime: 'EPERM',
    hostname: 'EPERM',
    vsock: 'EPERM',
    'read:/proc/kmsg': 'EPERM',
    'read:/dev/kmsg': 'ENOENT',
    'read:/dev/mem': 'ENOENT',
  },
  'CVE-2022-0492 writes no cgroup, release agent or core pattern': {
    'cgroup1:/tmp': 'EPERM',
    'write:/sys/fs/cgroup/release_agent': 'ENOENT',
    'write:/sys/fs/cgroup/cgroup.procs': 'EROFS',
    'mkdir:/sys/fs/cgroup/own': 'EROFS',
    'write:/proc/sys/kernel/core_pattern': 'EROFS',
    'write:/proc/sys/kernel/modprobe': 'EROFS',
    'write:/proc/sys/vm/overcommit_memory': 'EROFS',
    'write:/sys/kernel/mm/transparent_hugepage/enabled': 'EROFS',
  },
  'opens no device of the host, also one that it makes itself': {
    'device:c:1:1': 'EPERM', // mem
    'device:c:1:2': 'EPERM', // kmem
    'device:c:1:11': 'EPERM', // kmsg
    'device:c:5:1': 'EPERM', // the console
    'device:c:10:229': 'EPERM', // fuse
    'device:b:8:0': 'EPERM', // sda
    'device:b:254:0': 'EPERM', // vda
  },
  'reaches no socket of the host, of systemd or of the init': {
    'packet:/run/dbus/system_bus_socket': 'ENOENT',
    'stream:/run/dbus/system_bus_socket': 'ENOENT',
    'stream:/run/systemd/private': 'ENOENT',
    'datagram:/run/systemd/notify': 'ENOENT',
    'packet:/proc/1/root/control': 'EACCES',
    'packet:/proc/1/cwd/control': 'EACCES',
    'packet:/proc/1/fd/3/control': 'EACCES',
  },
};
const ALL = Object.assign({}, ...Object.values(ATTEMPTS)) as Record<string, string>;
/** The kernel of this host lacks what would be attacked: it is not there for the app, either. */
const matches = (found: string | undefined, expected: string): boolean => found === expected || found === 'ENOENT';

describe('an app that tries to get out', () => {
  let rig: Rig;
  let probe: Probe;
  before(function () {
    needsHost(this);
    rig = new Rig();
    probe = new Probe(rig);
  });
  afterEach(() => rig.removeEnded());
  after(() => rig?.dispose());

  const sh = (script: string, flags: readonly string[] = []) => probe.run(['-c', script], ['--exec=/bin/sh', ...flags]);

  describe('as root', () => {
    let outcomes: Record<string, string>;
    before(() => {
      outcomes = probe.tries(Object.keys(ALL));
    });
    for (const [what, expected] of Object.entries(ATTEMPTS)) {
      it(what, () => {
        for (const [attempt, error] of Object.entries(expected))
          assert.ok(matches(outcomes[attempt], error), `${attempt}: ${outcomes[attempt]}, not ${error}`);
      });
    }
  });

  for (const [who, flags] of [
    ['as a user', ['--user=app']],
    ['among users of the pod’s own', ['--private-users=3200000000']],
    ['as a user among those of the pod’s own', ['--private-users=3200000000', '--user=app']],
  ] as const) {
    it(`gets no further ${who}`, () => {
      const outcomes = probe.tries(Object.keys(ALL), flags);
      for (const [attempt, outcome] of Object.entries(outcomes))
        assert.ok(REFUSALS.includes(outcome), `${attempt}: ${outcome}`);
    });
  }

  it('finds in /proc/1 nothing but what ps shows', () => {
    for (const flags of [[], ['--user=app'], ['--private-users=3200000000']]) {
      const seen = probe.json(['look', '1'], flags) as { 1: Record<string, string> };
      for (const [file, outcome] of Object.entries(seen[1]))
        assert.ok(['EACCES', 'EPERM'].includes(outcome), `${file}: ${outcome}`);
      rig.removeEnded();
    }
  });

  it('does not climb out of its root with chroot(2), a directory held open and `..`', () => {
    assert.deepEqual(probe.tries(['climb']), { climb: "the app's root" });
    assert.deepEqual(probe.tries(['climb'], ['--user=app']), { climb: 'EPERM' });
    const { stdout } = sh('cd /../../../..; pwd; ls -d /../bin /proc/self/root/../bin; ls /../apps 2>/dev/null');
    assert.equal(stdout, '/\n/../bin\n/proc/self/root/../bin\n');
  });

  it('opens no device with every capability and call there is: the unit says which, not the app', () => {
    const devices = Object.keys(ATTEMPTS['opens no device of the host, also one that it makes itself'] ?? {});
    const outcomes = probe.tries(devices, [], 'image,capabilities,seccomp,paths');
    assert.deepEqual(outcomes, Object.fromEntries(devices.map((device) => [device, 'EPERM'])));
  });

  it('stops, kills and freezes its pod by no signal to the init', () => {
    const signals = 'TERM INT HUP QUIT USR1 USR2 PIPE ALRM KILL STOP TSTP SEGV ABRT 34 37 38 64';
    const script = `for s in ${signals}; do kill -$s 1 || echo no $s; done; sleep 0.2; kill -0 1 && echo alive`;
    const { status, stdout, stderr } = sh(script);
    assert.deepEqual([status, stdout, stderr], [0, 'alive\n', '']);
    const user = sh('kill -TERM 1 || echo refused', ['--user=app']);
    assert.equal(user.stdout, 'refused\n', user.stderr);
  });

  it('pushes no input into a terminal that is not its own', () => {
    assert.deepEqual(probe.tries(['tiocsti']), { tiocsti: 'ENOTTY' });
  });

  it('finds no socket but the journal’s and its own, and the init’s takes nothing by its name', () => {
    const { stdout } = sh(
      "find / -type s 2>/dev/null; grep -c control /proc/net/unix; awk '/control/ {print $8}' /proc/net/unix",
    );
    const [log, count, ...names] = stdout.trim().split('\n');
    assert.deepEqual([log, count], ['/dev/log', '1'], stdout);
    for (const name of names) {
      const outcome = probe.tries([`packet:${name}`])[`packet:${name}`];
      assert.match(outcome ?? '', /^(ENOENT|ENOTDIR)$/, name); // what is behind 3 is the app's own
    }
  });

  describe('to another app of its pod', () => {
    const pair = (one: readonly string[], script: string, two: readonly string[] = []): string => {
      const sleeper = [probe.image, '--name=one', ...one, '--exec=/bin/sleep', '--', '1000'];
      const other = [
        probe.image,
        '--name=two',
        '--after=one',
        ...two,
        '--exec=/bin/sh',
        '--',
        '-c',
        `P=$(pidof sleep); ${script}`,
      ];
      const flags = ['--insecure-options=image', 'run', '--net=none', '--exit-policy=any'];
      return rig.podctl(...flags, ...sleeper, '---', ...other).stdout;
    };
    const LOOK =
      'kill -0 $P 2>/dev/null && echo signal; cat /proc/$P/environ >/dev/null 2>&1 && echo environ; ls /proc/$P/root/ >/dev/null 2>&1 && echo root';

    it('D5 sees it, and can do to it what its user can do to processes of its own', () => {
      assert.equal(pair([], `echo pid $P; ${LOOK}`).replace(/\d+/, 'N'), 'pid N\nsignal\nenviron\nroot\n');
    });

    it('can do nothing to one of another user, nor of more capabilities', () => {
      assert.equal(pair(['--user=app'], LOOK, ['--user=nobody']), '');
      assert.equal(pair([], LOOK, ['--user=app']), '');
      const more = pair([], LOOK, ['--caps-retain=CAP_CHOWN']);
      assert.equal(more, 'signal\n', 'the kernel lets equal users signal each other');
    });

    it('cannot say that one of another user is ready', () => {
      const script = 'ls /dev/podctl-notify /proc/$P/root/dev /run/ready 2>/dev/null; echo NOTIFY=$NOTIFY_SOCKET';
      assert.equal(pair(['--user=app'], script, ['--user=nobody']), 'NOTIFY=\n');
    });
  });
});
