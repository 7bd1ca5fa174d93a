/** The life of a pod on a real systemd: started, seen, stopped, collected. Signatures have a suite of their own. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { busyboxAci } from '../fixtures/aci';
import { said } from '../rig/events';
import { command, needsHost, output, PODCTL, Rig, until, untilForgotten } from '../rig/rig';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const FOREVER = ['--exec=/bin/sleep', '--', '1000'];
const unitOf = (uuid: string): string => `podctl-${uuid}.service`;
const show = (unit: string, property: string): string =>
  output('systemctl', 'show', '--value', '-p', property, unit).trim();

describe('a pod on systemd', () => {
  let rig: Rig;
  let image: string;

  before(function () {
    needsHost(this);
    rig = new Rig();
    image = rig.write(
      'hello.aci',
      busyboxAci({ name: 'example.com/hello', exec: ['/bin/sh', '-c', 'echo out; echo err >&2'] }),
    );
  });
  after(() => rig?.dispose());

  const run = (...args: string[]) => rig.podctl('--insecure-options=image', 'run', '--net=none', ...args);
  const sh = (script: string, ...flags: string[]) => run(image, ...flags, '--exec=/bin/sh', '--', '-c', script);
  const detach = (...args: string[]): string => {
    const { stdout, stderr } = run('--detach', ...args);
    assert.match(stdout.trim(), UUID, stderr);
    return stdout.trim();
  };

  it('L1 shows the output in the foreground, on the right stream, and has the same lines in the journal', () => {
    const uuidFile = `${rig.root}/uuid`;
    const { status, stdout, stderr } = run(`--uuid-file-save=${uuidFile}`, image);
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: 'out\n', stderr: 'err\n' });
    const uuid = fs.readFileSync(uuidFile, 'utf8').trim();
    output('journalctl', '--sync');
    const lines = output('journalctl', '-o', 'json', '-t', 'hello', `POD_UUID=${uuid}`)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, string>);
    assert.deepEqual(lines.map(({ MESSAGE, PRIORITY, _SYSTEMD_UNIT }) => [MESSAGE, PRIORITY, _SYSTEMD_UNIT]).sort(), [
      ['err', '3', unitOf(uuid)],
      ['out', '6', unitOf(uuid)],
    ]);
    assert.equal(rig.ok('logs', uuid, '--app=hello', '-o', 'cat').split('\n').sort().join(), ',err,out');
  });

  for (const [script, expected] of [
    ['exit 0', 0],
    ['exit 7', 7],
    ['exit 254', 254],
    ['kill -9 $$', 137],
    ['kill -TERM $$', 143],
  ] as const) {
    it(`ends with the app's status: ${script} → ${expected}`, () => assert.equal(sh(script).status, expected));
  }

  it('passes 8 MB of output through unchanged', () => {
    const { stdout } = sh('i=0; while [ $i -lt 8 ]; do head -c 1048576 /dev/zero | tr "\\0" x; i=$((i+1)); done; echo');
    assert.equal(stdout.length, 8 * 1048576 + 1);
  });

  it('B9 B10 E5 gives the app its environment, user and directory', () => {
    const { stdout } = sh(
      'id -u; id -g; id -G; pwd; echo $A $B $AC_APP_NAME $container $HOME $USER; umask',
      '--user=app',
      '--group=extra',
      '--supplementary-gids=5,6',
      '--working-dir=/var/log',
      '--environment=B=2',
      '--name=web',
    );
    assert.deepEqual(stdout.split('\n'), [
      '1000',
      '1001',
      '1001 5 6',
      '/var/log',
      '2 web podctl /root root',
      '0022',
      '',
    ]);
    assert.equal(run('--set-env=A=pod', image, '--exec=/bin/sh', '--', '-c', 'echo $A').stdout, 'pod\n');
  });

  it('I11 gives root the 14 capabilities, and others none and no new privileges', () => {
    const status = (user: string): string =>
      sh('grep -E "^(Cap|NoNewPrivs)" /proc/self/status', `--user=${user}`).stdout;
    assert.match(
      status('0'),
      /CapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nCapAmb:\t0+\nNoNewPrivs:\t0/,
    );
    assert.match(status('app'), /CapPrm:\t0+\nCapEff:\t0+\nCapBnd:\t00000000a80425fb\nCapAmb:\t0+\nNoNewPrivs:\t1/);
  });

  it('leaks no file, directory or mount of the host into the app', () => {
    const { stdout } = sh('ls /proc/self/fd; cat /proc/self/mounts; ls -l /proc/self/cwd');
    // 3 is ls's own.
    assert.match(stdout, /^0\n1\n2\n3\n/);
    assert.doesNotMatch(stdout, new RegExp(`${rig.root}/(?!data/(pods|trees))`));
    assert.doesNotMatch(stdout, / \/(apps|run\/host)/);
  });

  it('C7 starts every pod from a clean copy', () => {
    const script = 'test ! -e /written && echo x > /written && cat /written';
    assert.equal(sh(script).stdout, 'x\n');
    assert.equal(sh(script).stdout, 'x\n');
  });

  it('D5 lets apps of a pod share processes, network and host name, and ends with the first that fails', () => {
    const started = Date.now();
    const { status, stdout } = run(
      '--hostname=pair',
      image,
      '--name=one',
      '--exec=/bin/sh',
      '--',
      '-c',
      'hostname; ls /proc | grep -c "^[0-9]"; sleep 1000',
      '---',
      image,
      '--name=two',
      '--exec=/bin/sh',
      '--',
      '-c',
      'hostname; sleep 3; exit 5',
    );
    assert.equal(status, 5);
    assert.equal(stdout.match(/^pair$/gm)?.length, 2);
    assert.ok(Number(/^\d+$/m.exec(stdout)?.[0]) >= 3, stdout);
    assert.ok(Date.now() - started < 15_000);
  });

  it('N1 N2 --net=none has a loopback that is up, and nothing else', () => {
    const { stdout } = sh('ip -o addr');
    assert.match(stdout, /lo {4}inet 127\.0\.0\.1/);
    assert.doesNotMatch(stdout, /eth|veth/);
  });

  it('is a service whose main process is its init, listed by machinectl, with nothing else of podctl resident', async () => {
    const uuid = detach('--name=shop', image, ...FOREVER);
    assert.match(rig.ok('list'), /shop.*running/);
    assert.equal(show(unitOf(uuid), 'ActiveState'), 'active');
    const pid = Number(show(unitOf(uuid), 'MainPID'));
    const status = JSON.parse(rig.ok('status', 'shop', '--format=json')) as {
      pid: number;
      state: string;
      apps: { state: string }[];
    };
    assert.deepEqual([status.pid, status.state, status.apps[0]?.state], [pid, 'running', 'running']);
    assert.match(fs.readFileSync(`/proc/${pid}/status`, 'utf8'), /NSpid:\t\d+\t1\n/);
    assert.match(output('machinectl', 'list', '--no-legend'), /^shop\s+container\s+podctl/m);
    const group = `/sys/fs/cgroup${show(unitOf(uuid), 'ControlGroup')}`;
    const pids = output('find', group, '-name', 'cgroup.procs', '-exec', 'cat', '{}', '+')
      .trim()
      .split('\n')
      .map(Number);
    assert.equal(pids.length, 2);
    assert.ok(fs.readFileSync(`${group}/supervisor/cgroup.procs`, 'utf8').includes(String(pid)));
    assert.equal(fs.readFileSync(`${group}/apps/app-hello/cgroup.procs`, 'utf8').trim().split('\n').length, 1);
    assert.equal(command(['pgrep', '-f', `${PODCTL}.*run`]).stdout, '');

    assert.equal(run('--name=shop', image).status, 254);
    assert.equal(rig.ok('stop', 'shop').trim(), `"${uuid}"`);
    assert.match(rig.ok('status', uuid), /state=exited[\s\S]*app-hello=143[\s\S]*app-hello-reason=stopped/);
    assert.equal(command(['systemctl', 'is-failed', unitOf(uuid)]).stdout.trim(), 'inactive');
    await untilForgotten('shop');
    assert.equal(rig.ok('rm', 'shop').trim(), `"${uuid}"`);
  });

  it('kills what does not stop when the grace is over, and at once with --force', async () => {
    const script = ['--exec=/bin/sh', '--', '-c', 'trap "" TERM; echo up; while :; do sleep 1; done'];
    const slow = detach('--stop-timeout=300ms', image, ...script);
    await said(slow, 'up');
    rig.ok('stop', slow);
    assert.match(rig.ok('status', slow), /app-hello=137/);
    assert.equal(show(unitOf(slow), 'ActiveState'), 'inactive');
    const stubborn = detach(image, ...script);
    const began = Date.now();
    rig.ok('stop', '--force', stubborn);
    assert.ok(Date.now() - began < 5000);
    assert.match(rig.ok('status', stubborn), /state=exited/);
  });

  it('stops several pods in one go', () => {
    const asleep = () => detach(image, '--exec=/bin/sleep', '--', '1000');
    for (const force of [[], ['--force']]) {
      const pods = [asleep(), asleep(), asleep()];
      assert.equal(rig.ok('stop', ...force, ...pods), pods.map((uuid) => `"${uuid}"\n`).join(''));
      for (const uuid of pods) assert.match(rig.ok('status', uuid), /state=exited/);
    }
  });

  it('stops the pod on ^C, and lives on as a service if podctl itself is killed', async () => {
    const trapped = 'trap "echo bye; exit 3" TERM; echo up; while :; do sleep 1 & wait $!; done';
    const first = rig.start(
      '--insecure-options=image',
      'run',
      '--net=none',
      image,
      '--exec=/bin/sh',
      '--',
      '-c',
      trapped,
    );
    await new Promise((resolve) => first.child.stdout?.once('data', resolve));
    first.child.kill('SIGINT');
    const { status, stdout } = await first.ended;
    assert.deepEqual([status, stdout], [3, 'up\nbye\n']);

    const uuidFile = `${rig.root}/orphan`;
    const second = rig.start(
      '--insecure-options=image',
      'run',
      '--net=none',
      `--uuid-file-save=${uuidFile}`,
      image,
      '--exec=/bin/sh',
      '--',
      '-c',
      'echo up; sleep 1000',
    );
    await new Promise((resolve) => second.child.stdout?.once('data', resolve));
    second.child.kill('SIGKILL');
    await second.exited;
    const uuid = fs.readFileSync(uuidFile, 'utf8').trim();
    await until(() => (show(unitOf(uuid), 'ActiveState') === 'active' ? true : undefined), 'the end of the start');
    rig.ok('stop', `--uuid-file=${uuidFile}`);
    await second.ended;
  });

  it('shares the file it writes to with those that write before and after it', () => {
    const file = `${rig.root}/log`;
    const script = '{ echo before; "$@"; echo after; } >"$0" 2>&1';
    const { status } = command([
      'sh',
      '-c',
      script,
      file,
      PODCTL,
      ...rig.globals,
      '--insecure-options=image',
      'run',
      '--net=none',
      image,
    ]);
    assert.equal(status, 0);
    assert.deepEqual(fs.readFileSync(file, 'utf8').split('\n').sort(), ['', 'after', 'before', 'err', 'out']);
    assert.match(fs.readFileSync(file, 'utf8'), /^before\n[\s\S]*after\n$/);
  });

  it('starts many pods at once, from an image that none of them finds in the store', async () => {
    const other = rig.write('other.aci', busyboxAci({ name: 'example.com/other', exec: ['/bin/echo', 'here'] }));
    const pods = Array.from({ length: 12 }, () => rig.start('--insecure-options=image', 'run', '--net=none', other));
    const outcomes = await Promise.all(pods.map(({ ended }) => ended));
    for (const { status, stdout, stderr } of outcomes) assert.deepEqual([status, stdout, stderr], [0, 'here\n', '']);
    const images = JSON.parse(rig.ok('image', 'list', '--format=json')) as { name: string }[];
    assert.equal(images.filter(({ name }) => name === 'example.com/other').length, 1);
    rig.ok('gc', '--grace-period=0');
    assert.deepEqual(rig.leftovers(), []);
  });

  it('prepares now and runs later', () => {
    const uuid = rig.ok('--insecure-options=image', 'prepare', image).trim();
    assert.match(uuid, UUID);
    assert.match(rig.ok('status', uuid), /^state=prepared$/m);
    assert.equal((JSON.parse(rig.ok('cat-manifest', uuid)) as { acKind: string }).acKind, 'PodManifest');
    const { status, stdout } = rig.podctl('run-prepared', '--net=none', uuid.slice(0, 8));
    assert.deepEqual([status, stdout], [0, 'out\n']);
    const again = rig.podctl('run-prepared', uuid);
    assert.deepEqual([again.status, /pod-wrong-state/.test(again.stderr)], [254, true]);
  });

  it('--dry-run prints the plan and leaves nothing', () => {
    rig.ok('gc', '--grace-period=0');
    const plan = rig.ok('--insecure-options=image', 'run', '--net=none', '--dry-run', image);
    assert.match(plan, /^podctl-plan 2\npod [0-9a-f-]{36} /);
    assert.deepEqual(rig.leftovers(), []);
  });

  it('gc marks, waits for the grace period, and collects', () => {
    const uuid = detach(image, ...FOREVER);
    rig.ok('stop', uuid);
    rig.ok('gc', '--mark-only');
    assert.match(rig.ok('status', uuid), /state=exited garbage/);
    rig.ok('gc', '--grace-period=1h');
    assert.match(rig.ok('list', '--full'), new RegExp(uuid));
    assert.match(rig.ok('gc', '--grace-period=0'), new RegExp(`Garbage collecting pod "${uuid}"`));
    assert.equal(rig.ok('list', '--format=json'), '[]\n');
    assert.deepEqual(rig.leftovers(), []);
  });
});
