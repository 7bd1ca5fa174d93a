/**
 * Isolators as an app finds them on a real systemd (appc §3.7), and what is said of those that cannot be had. Limits of cgroups
 * are enforced in the virtual machine only: this host has no controllers.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { capabilityMask, DEFAULT_CAPABILITIES } from '../../stage2/capabilities';
import { busyboxAci } from '../fixtures/aci';
import { needsHost, type Outcome, Rig } from '../rig/rig';
import { skip } from '../runner/skip';

interface Report {
  readonly name: string;
  readonly outcome: string;
  readonly detail: string | null;
}

describe('isolators on systemd', () => {
  let rig: Rig;
  let plain: string;

  const image = (name: string, isolators: object): string =>
    rig.write(
      `${name}.aci`,
      busyboxAci({
        name: `example.com/${name}`,
        exec: ['/bin/true'],
        app: { isolators: Object.entries(isolators).map(([isolator, value]) => ({ name: isolator, value })) },
      }),
    );

  before(function () {
    needsHost(this);
    rig = new Rig();
    plain = image('plain', {});
  });
  after(() => rig?.dispose());

  const INSECURE = '--insecure-options=image';
  const run = (...args: readonly string[]): Outcome => rig.podctl(INSECURE, 'run', '--net=none', ...args);
  const sh = (file: string, flags: readonly string[], script: string): Outcome =>
    run(file, ...flags, '--exec=/bin/sh', '--', '-c', script);
  const seen = (file: string, flags: readonly string[], script: string): string => {
    const { status, stdout, stderr } = sh(file, flags, script);
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
    return stdout;
  };
  const capabilities = (file: string, ...flags: string[]): Record<string, string> =>
    Object.fromEntries(
      seen(file, flags, 'grep ^Cap /proc/self/status')
        .trim()
        .split('\n')
        .map((line) => line.split(/:\s+/) as [string, string]),
    );
  const all = (mask: string) => ({
    CapInh: '0'.repeat(16),
    CapPrm: mask,
    CapEff: mask,
    CapBnd: mask,
    CapAmb: '0'.repeat(16),
  });

  it('I11 without a capability isolator an app has exactly the 14', () => {
    assert.deepEqual(capabilities(plain), all(capabilityMask(DEFAULT_CAPABILITIES)));
    const user = capabilities(plain, '--user=1000', '--group=1000');
    assert.deepEqual(user, { ...all('0'.repeat(16)), CapBnd: capabilityMask(DEFAULT_CAPABILITIES) });
  });

  it('I12 the retain set is all there is, the remove set is taken from the 14', () => {
    const retained = image('retain', { 'os/linux/capabilities-retain-set': { set: ['CAP_KILL', 'CAP_SYS_TIME'] } });
    assert.deepEqual(capabilities(retained), all(capabilityMask(['CAP_KILL', 'CAP_SYS_TIME'])));
    const removed = image('remove', { 'os/linux/capabilities-remove-set': { set: ['CAP_KILL'] } });
    const without = capabilityMask(DEFAULT_CAPABILITIES.filter((name) => name !== 'CAP_KILL'));
    assert.deepEqual(capabilities(removed), all(without));
    assert.deepEqual(
      capabilities(removed, '--caps-retain=CAP_CHOWN,kill'),
      all(capabilityMask(['CAP_CHOWN', 'CAP_KILL'])),
    );
    assert.deepEqual(capabilities(retained, '--cap-remove=KILL'), all(without));
    assert.deepEqual(capabilities(plain, '--cap-retain='), all('0'.repeat(16)));
    const { status, stderr } = run(plain, '--caps-retain=KILL', '--caps-remove=KILL');
    assert.equal(status, 254);
    assert.match(stderr, /usage: --caps-retain and --caps-remove exclude each other/);
  });

  it('no-new-privileges is what the isolator says, and else a matter of the user', () => {
    const privileges = (file: string, ...flags: string[]) =>
      seen(file, flags, 'grep NoNewPrivs /proc/self/status').trim().at(-1);
    const on = image('nnp', { 'os/linux/no-new-privileges': true });
    const user = ['--user=1000', '--group=1000'];
    assert.deepEqual([privileges(plain), privileges(on), privileges(plain, ...user)], ['0', '1', '1']);
    const off = image('may', { 'os/linux/no-new-privileges': false });
    const kept = run(off, ...user, '--exec=/bin/grep', '--', 'NoNewPrivs', '/proc/self/status');
    assert.equal(kept.stdout.trim().at(-1), '1');
    assert.match(kept.stderr, /isolator os\/linux\/no-new-privileges adjusted: .* system call filter/);
    const bare = rig.podctl(
      '--insecure-options=image,seccomp',
      'run',
      '--net=none',
      off,
      ...user,
      '--exec=/bin/grep',
      '--',
      'NoNewPrivs',
      '/proc/self/status',
    );
    assert.deepEqual([bare.stdout.trim().at(-1), bare.stderr], ['0', '']);
  });

  it('resource limits and the OOM score are those asked for', () => {
    const flags = ['--ulimit=nofile=77:99', '--ulimit=core=0', '--oom-score-adj=300'];
    assert.equal(
      seen(plain, flags, 'ulimit -Sn; ulimit -Hn; ulimit -c; cat /proc/self/oom_score_adj'),
      '77\n99\n0\n300\n',
    );
    const limited = image('limited', { 'podctl/rlimits': { nofile: { soft: 55 } }, 'os/linux/oom-score-adj': 100 });
    assert.equal(seen(limited, [], 'ulimit -Hn; cat /proc/self/oom_score_adj'), '55\n100\n');
    assert.equal(seen(limited, ['--ulimit=nofile=44'], 'ulimit -Hn; cat /proc/self/oom_score_adj'), '44\n100\n');
  });

  it('what the host refuses is told, and leaves nothing behind', () => {
    const raised = sh(plain, ['--ulimit=nofile=10:2000000000'], 'true');
    assert.equal(raised.status, 254);
    assert.match(raised.stderr, /rlimit: prlimit64 nofile: EPERM \(.*CAP_SYS_RESOURCE/);
    const pods = JSON.parse(rig.ok('list', '--format=json')) as { state: string }[];
    assert.deepEqual(
      pods.filter(({ state }) => state !== 'exited'),
      [],
    );
  });

  it('I14 sysctls are set for the pod alone', () => {
    const before = fs.readFileSync('/proc/sys/kernel/shmmax', 'utf8');
    const { status, stdout, stderr } = rig.podctl(
      ...[INSECURE, 'run', '--net=none', '--sysctl=kernel.shmmax=123456', '--sysctl=net.ipv4.ip_default_ttl=42', plain],
      ...['--exec=/bin/cat', '--', '/proc/sys/kernel/shmmax', '/proc/sys/net/ipv4/ip_default_ttl'],
    );
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '123456\n42\n', stderr: '' });
    assert.equal(fs.readFileSync('/proc/sys/kernel/shmmax', 'utf8'), before);
  });

  it('I14 sysctls of the host are refused', () => {
    for (const [net, setting, message] of [
      ['none', 'kernel.core_pattern=x', /isolator-refused: .*not a setting of the pod's own/],
      ['none', 'kernel.hostname=x', /isolator-refused: /],
      ['host', 'net.ipv4.ip_default_ttl=42', /isolator-refused: .*would be set for the whole host/],
      ['none', 'net.ipv4.nothing=1', /sysctl: write net\/ipv4\/nothing: ENOENT/],
    ] as const) {
      const { status, stderr } = rig.podctl(INSECURE, 'run', `--net=${net}`, `--sysctl=${setting}`, plain);
      assert.equal(status, 254, stderr);
      assert.match(stderr, message);
    }
  });

  describe('without controllers', () => {
    before(function () {
      if (fs.readFileSync('/sys/fs/cgroup/cgroup.controllers', 'utf8').trim() === '') return;
      skip(this, 'this host has cgroup controllers');
    });

    const ASKED: readonly (readonly [flags: readonly string[], controller: string])[] = [
      [['--memory=64Mi'], 'memory'],
      [['--memory-high=64Mi'], 'memory'],
      [['--oom-group=false'], 'memory'],
      [['--cpu=1'], 'cpu'],
      [['--cpu-shares=1024'], 'cpu'],
      [['--cpuset-cpus=0'], 'cpuset'],
      [['--pids-limit=5'], 'pids'],
    ];

    it('a limit is an error that names the controller', () => {
      for (const [flags, controller] of ASKED) {
        const { status, stderr } = run(plain, ...flags);
        assert.equal(status, 254, stderr);
        assert.match(
          stderr,
          new RegExp(`isolator-unenforceable: app "plain": .*no cgroup v2 controller "${controller}"`),
        );
        assert.match(stderr, /--insecure-options=isolators/);
      }
      const { status, stderr } = run('--memory=64Mi', plain);
      assert.equal(status, 254);
      assert.match(stderr, /isolator-unenforceable: pod: isolator resource\/memory: /);
    });

    it('I1 I2 and with --insecure-options=isolators a warning, as for what is unknown, which the pod remembers', () => {
      const limited = image('hog', {
        'resource/memory': { limit: '1Gi' },
        'example.com/unknown': 1,
        'os/linux/oom-score-adj': 5,
      });
      const uuidFile = `${rig.root}/uuid`;
      const { status, stderr } = rig.podctl(
        ...[
          '--insecure-options=image,isolators',
          'run',
          '--net=none',
          '--cpu=1',
          `--uuid-file-save=${uuidFile}`,
          limited,
        ],
      );
      assert.equal(status, 0, stderr);
      assert.match(stderr, /pod: isolator resource\/cpu ignored: this host has no cgroup v2 controller "cpu"/);
      assert.match(
        stderr,
        /app "hog": isolator resource\/memory ignored: this host has no cgroup v2 controller "memory"/,
      );
      assert.match(stderr, /app "hog": isolator example.com\/unknown ignored: podctl does not know it/);
      assert.doesNotMatch(stderr, /oom-score-adj/);
      const uuid = fs.readFileSync(uuidFile, 'utf8').trim();
      const lines = rig.ok('status', uuid).split('\n');
      for (const line of [
        'isolator-resource/cpu=ignored: this host has no cgroup v2 controller "cpu"',
        'app-hog-isolator-resource/memory=ignored: this host has no cgroup v2 controller "memory"',
        'app-hog-isolator-example.com/unknown=ignored: podctl does not know it',
        'app-hog-isolator-os/linux/oom-score-adj=enforced',
      ]) {
        assert.ok(lines.includes(line), `${line}\n${lines.join('\n')}`);
      }
      const json = JSON.parse(rig.ok('status', '--format=json', uuid)) as {
        isolators: Report[];
        apps: { isolators: Report[] }[];
      };
      assert.deepEqual(
        json.isolators.map(({ name, outcome }) => [name, outcome]),
        [['resource/cpu', 'ignored']],
      );
      assert.deepEqual(json.apps[0]?.isolators.at(-1), {
        name: 'os/linux/oom-score-adj',
        outcome: 'enforced',
        detail: null,
      });
    });

    it('I2 a prepared pod is judged again when it starts', () => {
      const lenient = '--insecure-options=image,isolators';
      const uuid = rig.ok(lenient, 'prepare', plain, '--memory=64Mi').trim();
      const refused = rig.podctl(INSECURE, 'run-prepared', '--net=none', uuid);
      assert.equal(refused.status, 254);
      assert.match(refused.stderr, /isolator-unenforceable/);
      const { status, stderr } = rig.podctl(lenient, 'run-prepared', '--net=none', uuid);
      assert.equal(status, 0, stderr);
      assert.match(stderr, /isolator resource\/memory ignored/);
    });
  });

  it('I3 --strict-isolators refuses what would be ignored', () => {
    const odd = image('odd', { 'example.com/unknown': 1 });
    assert.equal(run(odd).status, 0);
    const { status, stderr } = run('--strict-isolators', odd);
    assert.equal(status, 254);
    assert.match(stderr, /isolator-refused: app "odd": isolator example.com\/unknown ignored/);
  });

  it('an isolator whose value is wrong is refused before there is a pod', () => {
    const bad = image('bad', { 'resource/memory': { limit: 'much' } });
    const before = rig.ok('list', '--format=json');
    const { status, stderr } = run(bad);
    assert.equal(status, 254);
    assert.match(stderr, /isolator-invalid: app "bad": isolator resource\/memory: "limit" must be a quantity/);
    assert.equal(rig.ok('list', '--format=json'), before);
  });
});
