/** What a pod shares with the host and what it has for itself: `--ipc`, `--net=ns:PATH`, `--no-overlay`. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { busyboxAci } from '../fixtures/aci';
import { command, needsHost, output, Rig } from '../rig/rig';

describe('IPC, networks and roots of pods', () => {
  let rig: Rig;
  let image: string;

  before(function () {
    needsHost(this);
    rig = new Rig();
    image = rig.write(
      'hello.aci',
      busyboxAci({
        name: 'example.com/hello',
        files: [{ name: 'rootfs/srv/data', content: 'from the image', uid: 33, gid: 44, mode: 0o640 }],
      }),
    );
  });
  afterEach(() => rig.removeEnded());
  after(() => rig?.dispose());

  const run = (...args: string[]) => rig.podctl('--insecure-options=image', 'run', ...args);
  const sh = (script: string, ...flags: string[]) =>
    run('--net=none', ...flags, image, '--exec=/bin/sh', '--', '-c', script);
  const plan = (...flags: string[]) =>
    rig.ok('--insecure-options=image', 'run', '--dry-run', '--net=none', ...flags, image);

  describe('--ipc', () => {
    const mark = `/dev/shm/podctl-test-${process.pid}`;
    const script = `readlink /proc/self/ns/ipc; cat ${mark}; echo from pod >>${mark}; ls /dev/mqueue >/dev/null && echo queues`;
    const host = fs.existsSync('/proc/self/ns/ipc') ? fs.readlinkSync('/proc/self/ns/ipc') : '';
    before(() => fs.writeFileSync(mark, 'from host\n', { mode: 0o666 }));
    after(() => fs.rmSync(mark, { force: true }));

    it("is the pod's own unless the host's is asked for", () => {
      for (const flags of [[], ['--ipc=auto'], ['--ipc=private']]) {
        const { stdout } = sh(script, ...flags);
        assert.ok(!stdout.includes(host) && !stdout.includes('from host') && stdout.includes('queues'), stdout);
      }
      assert.equal(fs.readFileSync(mark, 'utf8'), 'from host\n');
    });

    it("parent: the host's objects, queues and /dev/shm", () => {
      const { stdout, stderr } = sh(script, '--ipc=parent');
      assert.equal(stdout, `${host}\nfrom host\nqueues\n`, stderr);
      assert.equal(fs.readFileSync(mark, 'utf8'), 'from host\nfrom pod\n');
    });

    it('shows in the plan', () => {
      assert.match(plan(), /^namespaces ipc uts net$/m);
      const parent = plan('--ipc=parent');
      assert.match(parent, /^namespaces uts net$/m);
      assert.match(parent, /^bind \/dev\/shm \/dev\/shm nosuid nodev$/m);
      assert.match(run('--ipc=host', image).stderr, /usage: .*not one of auto, private, parent/);
    });
  });

  describe('--net=ns:PATH', () => {
    const name = `podctl-test-${process.pid}`;
    const file = `/run/netns/${name}`;
    before(() => {
      output('ip', 'netns', 'add', name);
      output('ip', '-n', name, 'link', 'add', 'mark0', 'type', 'veth', 'peer', 'name', 'mark1');
    });
    after(() => output('ip', 'netns', 'del', name));

    it('joins the namespace and leaves it as it is', () => {
      for (const users of [[], ['--private-users=3000000000']]) {
        const { stdout, stderr } = run(`--net=ns:${file}`, ...users, image, '--exec=/bin/ls', '--', '/sys/class/net');
        assert.ok(stdout.split('\n').includes('mark0') && !stdout.includes('eth0'), stdout + stderr);
        rig.removeEnded();
      }
      assert.match(output('ip', '-n', name, 'link', 'show', 'lo'), /state DOWN/);
    });

    for (const [what, path, message] of [
      ['what is not there', '/run/netns/none', /ENOENT/],
      ['an ordinary file', '/etc/passwd', /not the file of a network namespace/],
      ['a relative path', 'netns', /not an absolute path/],
    ] as const) {
      it(`refuses ${what}`, () => {
        const { status, stderr } = run(`--net=ns:${path}`, image);
        assert.equal(status, 254);
        assert.match(stderr, /^podctl: run: network-unusable: /);
        assert.match(stderr, message);
        assert.deepEqual(rig.leftovers(), []);
      });
    }

    it('refuses a namespace of another kind, in the executor', () => {
      const { status, stderr } = run('--net=ns:/proc/self/ns/uts', image);
      assert.equal(status, 254);
      assert.match(stderr, /join-network.*not the file of a network namespace/);
      assert.deepEqual(rig.leftovers(), []);
    });
  });

  describe('--no-overlay', () => {
    const script =
      'cat /srv/data; stat -c %u:%g:%a /srv/data; echo changed >/srv/data; stat -f -c %T /; grep -c overlay /proc/self/mounts';
    for (const users of [[], ['--private-users=3000000000']]) {
      it(`gives every app a copy of its own${users.length > 0 ? ', its users mapped' : ''}`, () => {
        const first = sh(script, '--no-overlay', ...users);
        assert.match(first.stdout, /^from the image33:44:640\n.*\n0\n$/, first.stderr);
        rig.removeEnded();
        assert.equal(sh('cat /srv/data', '--no-overlay').stdout, 'from the image', 'the image has changed');
        rig.removeEnded();
        assert.deepEqual(rig.leftovers(), []);
      });
    }

    it('copies when the pod is prepared, and rm takes it away', () => {
      const uuid = rig
        .ok('--insecure-options=image', 'prepare', '--no-overlay', image, '--exec=/bin/cat', '--', '/srv/data')
        .trim();
      const copy = `${rig.dataDir}/pods/prepared/${uuid}/apps/hello/rootfs`;
      assert.equal(fs.readFileSync(`${copy}/srv/data`, 'utf8'), 'from the image');
      assert.equal(fs.statSync(copy).mode & 0o777, 0o755);
      fs.writeFileSync(`${copy}/srv/data`, 'of the pod');
      assert.equal(rig.ok('run-prepared', '--net=none', uuid), 'of the pod');
      rig.ok('rm', uuid);
      assert.deepEqual(rig.leftovers(), []);
    });

    it('says that the disk is full, and leaves nothing', () => {
      const small = `${rig.root}/small`;
      fs.mkdirSync(small);
      output('mount', '-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', small);
      try {
        const made = command([...podctlIn(small), 'prepare', image]).stdout.trim();
        assert.equal(command([...podctlIn(small), 'rm', made]).status, 0);
        // Room for a pod, none for a copy of its image.
        const { bavail, bsize } = fs.statfsSync(small);
        fs.writeFileSync(`${small}/filler`, Buffer.alloc(bavail * bsize - 500_000));
        const { status, stderr } = command([...podctlIn(small), 'run', '--net=none', '--no-overlay', image]);
        assert.equal(status, 254);
        assert.match(stderr, /ENOSPC/);
        assert.match(stderr, /free some space/);
        for (const state of ['embryo', 'prepare', 'run', 'garbage', 'exited-garbage'])
          assert.deepEqual(
            fs.existsSync(`${small}/pods/${state}`) ? fs.readdirSync(`${small}/pods/${state}`) : [],
            [],
            state,
          );
      } finally {
        output('umount', small);
      }
    });
  });

  const podctlIn = (dir: string): string[] => [
    `${__dirname}/../../podctl`,
    `--dir=${dir}`,
    `--local-config=${rig.configDir}`,
    '--insecure-options=image',
  ];
});
