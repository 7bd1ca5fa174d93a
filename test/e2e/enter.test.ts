/** `podctl enter`: the command is under all that its app is under, or there is none, and it is said why. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { threeBlocks } from '../fixtures/subid';
import { Entering, ended, SLEEP } from '../rig/entering';
import { needsHost, until } from '../rig/rig';

/** What there is to confine a process, read on the host. */
function confinement(pid: string): Record<string, unknown> {
  const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string): string | undefined =>
    new RegExp(`^${name}:[\\t ]*(.*)$`, 'm').exec(status)?.[1]?.trim();
  const fields = ['Uid', 'Gid', 'Groups', 'CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'NoNewPrivs', 'Seccomp'];
  const spaces = ['mnt', 'pid', 'net', 'ipc', 'uts', 'user', 'cgroup'];
  return {
    ...Object.fromEntries([...fields, 'Seccomp_filters', 'Umask'].map((name) => [name, field(name)])),
    ...Object.fromEntries(spaces.map((name) => [name, fs.readlinkSync(`/proc/${pid}/ns/${name}`)])),
    root: fs.readlinkSync(`/proc/${pid}/root`),
    cwd: fs.readlinkSync(`/proc/${pid}/cwd`),
    // A development machine's v1 hierarchies are none of podctl's.
    cgroupPath: /^0::.*$/m.exec(fs.readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[0],
    limits: fs.readFileSync(`/proc/${pid}/limits`, 'utf8'),
    oom: fs.readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8'),
    environment: fs.readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').sort(),
  };
}

describe('podctl enter', () => {
  let rig: Entering;

  before(function () {
    needsHost(this);
    rig = new Entering();
  });
  after(() => rig?.dispose());
  threeBlocks();

  for (const [what, flags] of [
    ['of root', []],
    ['of a user', ['--user=app', '--group=extra', '--supplementary-gids=5,6', '--working-dir=/var/log']],
    ['with a variable', ['--environment=B=two words']],
    [
      'with limits, a filter and few capabilities',
      ['--ulimit=nofile=100:200', '--oom-score-adj=500', '--seccomp=mode=remove,mkdir', '--caps-retain=CAP_CHOWN'],
    ],
    ['of root among users of its own', ['--private-users']],
    ['of a user among users of its own', ['--private-users', '--user=app', '--group=extra']],
  ] as const) {
    it(`CVE-2019-10144/10145/10147 the command has all that confines an app ${what}`, async () => {
      const uuid = rig.run(rig.image, ...flags, ...SLEEP);
      const child = rig.entering(uuid, 'sleep', '100001');
      const command = await rig.commandOf(uuid);
      const own = confinement(rig.appPid(uuid));
      assert.deepEqual(confinement(command), own);
      assert.notEqual(own['mnt'], fs.readlinkSync('/proc/self/ns/mnt'));
      child.kill('SIGTERM');
      assert.deepEqual(await ended(child), { status: 143, signal: null });
      rig.ok('stop', '--force', uuid);
    });
  }

  it('privileged means root with every capability, in the same cgroup and namespaces', async () => {
    const uuid = rig.run(rig.image, '--user=app', ...SLEEP);
    const child = rig.entering('--privileged', uuid, 'sleep', '100001');
    const command = confinement(await rig.commandOf(uuid));
    const own = confinement(rig.appPid(uuid));
    const bits = (name: string): number =>
      BigInt(`0x${String(command[name])}`)
        .toString(2)
        .replaceAll('0', '').length;
    assert.ok(bits('CapEff') > 14 && command['CapEff'] === command['CapBnd'], String(command['CapEff']));
    assert.deepEqual(
      [command['Uid'], command['Seccomp'], command['NoNewPrivs'], command['Groups']],
      ['0\t0\t0\t0', '0', '0', ''],
    );
    for (const same of ['mnt', 'pid', 'net', 'ipc', 'uts', 'user', 'cgroup', 'cgroupPath', 'environment', 'limits'])
      assert.deepEqual(command[same], own[same], same);
    child.kill('SIGTERM');
    await ended(child);
    rig.ok('stop', '--force', uuid);
  });

  it('gives the command the environment and directory of the app, and nothing of the caller', () => {
    const { stdout } = rig.sh(rig.plain, 'env; pwd; umask; ls /proc/self/fd');
    assert.match(stdout, /^GREETING=hello from the image$/m);
    assert.match(stdout, /^AC_APP_NAME=enter$/m);
    assert.doesNotMatch(stdout, /PODCTL|TERM=|SHLVL=[2-9]|LISTEN/);
    // 3 is ls's own.
    assert.match(stdout, /\n\/\n0022\n0\n1\n2\n3\n$/);
    assert.equal(rig.sh(rig.plain, 'pwd', '--working-dir=/var/log').stdout, '/var/log\n');
  });

  it('CVE-2024-21626 has no working directory outside, and refuses one that is not there', () => {
    assert.match(
      rig.sh(rig.plain, 'pwd', '--working-dir=/proc/self/fd/3').stderr,
      /^podctl: enter: enter-failed: app enter: /,
    );
    const { status, stderr } = rig.sh(rig.plain, 'pwd', '--working-dir=/nowhere');
    assert.equal(status, 254);
    assert.match(stderr, /enter-failed: app enter: openat2 \/nowhere: ENOENT/);
    assert.match(rig.sh(rig.plain, 'pwd', '--working-dir=relative').stderr, /usage: .*not absolute/);
  });

  for (const [script, expected] of [
    ['exit 0', 0],
    ['exit 7', 7],
    ['exit 253', 253],
    ['kill -9 $$', 137],
    ['kill -TERM $$', 143],
  ] as const) {
    it(`ends with the command's status: ${script} → ${expected}`, () =>
      assert.equal(rig.sh(rig.plain, script).status, expected));
  }

  it('says what cannot be executed, and where it was looked for', () => {
    const { status, stderr, stdout } = rig.enter(rig.plain, 'nothing');
    assert.deepEqual([status, stdout], [254, '']);
    assert.match(stderr, /^podctl: enter: exec-failed: app enter: execve .*: ENOENT: tried .*\/bin\/nothing.*\n$/);
    assert.match(rig.enter(rig.plain, '/etc/passwd').stderr, /exec-failed: app enter: execve \/etc\/passwd: EACCES/);
    assert.match(
      rig.podctl('app', 'exec', '--app=enter', rig.plain, 'nothing').stderr,
      /^podctl: app exec: exec-failed: /,
    );
  });

  it('refuses pods and apps that do not run, and names the apps there are', async () => {
    const two = rig.run(rig.image, '--name=one', ...SLEEP, '---', rig.image, '--name=two', ...SLEEP);
    assert.match(rig.enter(two, 'true').stderr, /app-not-found: .*has several apps: one, two\n/);
    assert.match(rig.enter('--app=three', two, 'true').stderr, /app-not-found: .*no app "three", only one, two/);
    assert.equal(rig.podctl('app', 'exec', '--app=two', two, 'sh', '-c', 'echo $AC_APP_NAME').stdout, 'two\n');
    rig.ok('stop', '--force', two);
    assert.match(
      rig.enter('--app=one', two, 'true').stderr,
      /^podctl: enter: pod-wrong-state: pod .* is exited, not running/,
    );
    const some = rig.run(rig.image, '--name=one', '--exec=/bin/true', '---', rig.image, '--name=two', ...SLEEP);
    await until(() => (/^app-one=0$/m.test(rig.ok('status', some)) ? true : undefined), 'the end of one');
    assert.match(rig.enter('--app=one', some, 'true').stderr, /app-not-running: app "one" .* has ended with status 0/);
    rig.ok('stop', '--force', some);
  });

  it('a number that is another process by now is not entered', () => {
    const uuid = rig.run(rig.image, ...SLEEP);
    const pidFile = `${rig.dataDir}/pods/run/${uuid}/pid`;
    const statusFile = `${rig.dataDir}/pods/run/${uuid}/status/enter`;
    const [pid, status] = [fs.readFileSync(pidFile, 'utf8'), fs.readFileSync(statusFile, 'utf8')];
    fs.writeFileSync(pidFile, `${process.pid}\n`);
    assert.match(rig.enter(uuid, 'true').stderr, /pod-wrong-state: app enter: the pod is not running/);
    // Not even if it looks at the pod: it is the lock that counts.
    const directory = fs.openSync(`${rig.dataDir}/pods/run/${uuid}`, 'r');
    assert.match(rig.enter(uuid, 'true').stderr, /pod-wrong-state: app enter: the pod is not running/);
    fs.closeSync(directory);
    fs.writeFileSync(pidFile, `${rig.appPid(rig.plain)}\n`);
    assert.match(rig.enter(uuid, 'true').stderr, /pod-wrong-state: app enter: the pod is not running/);
    fs.writeFileSync(pidFile, pid);
    fs.writeFileSync(statusFile, status.replace(/^pid=.*$/m, 'pid=1'));
    assert.match(rig.enter(uuid, 'true').stderr, /app-not-running: app enter: the app is not running/);
    fs.writeFileSync(statusFile, status);
    assert.equal(rig.enter(uuid, 'true').status, 0);
    rig.ok('stop', '--force', uuid);
  });
});
