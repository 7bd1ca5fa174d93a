/** Where a pod runs that a unit of the user's starts: in that unit itself, or, without Delegate=, in one beside it. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { command, output, PODCTL, until } from '../rig/rig';
import { helloImage, OwnUnits } from '../rig/suite';
import { skip } from '../runner/skip';

interface Pod {
  readonly name: string;
  readonly pod_name: string;
  readonly unit: string;
  readonly state: string;
  readonly pid: number;
}

describe("pods in units of the user's", () => {
  const own = new OwnUnits(helloImage);

  const script = (text: string): string[] => [own.image, '--exec=/bin/sh', '--', '-c', text];
  const IDLE = 'trap "exit 0" TERM; echo up; while :; do sleep 0.1; done';
  /** The command line that runs it. */
  const running = (text: string): string[] => [
    ...[PODCTL, ...own.rig.globals, '--insecure-options=image', 'run', '--net=none'],
    ...script(text),
  ];
  const pods = (): readonly Pod[] => JSON.parse(own.rig.ok('list', '--format=json')) as Pod[];
  const lines = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '');

  it('runs in the unit itself, as its main process, with nothing of podctl beside it', () => {
    own.units.pod('t-web.service', script(IDLE));
    own.units.start('t-web.service');
    const [pod, ...others] = pods();
    assert.deepEqual(others, []);
    assert.deepEqual([pod?.unit, pod?.pod_name, pod?.state], ['t-web.service', 't-web', 'running']);
    assert.equal(own.units.show('t-web.service', 'MainPID'), String(pod?.pid));
    assert.equal(own.units.show('t-web.service', 'StatusText'), '1/1 apps running');
    assert.equal(fs.readFileSync(`/proc/${pod?.pid}/comm`, 'utf8'), 'podctl-init\n');
    const cgroup = `/sys/fs/cgroup${own.units.show('t-web.service', 'ControlGroup')}`;
    assert.deepEqual(lines(fs.readFileSync(`${cgroup}/supervisor/cgroup.procs`, 'utf8')), [String(pod?.pid)]);
    assert.equal(output('systemctl', 'list-units', '--all', '--plain', '--no-legend', 'podctl-*-*-*-*-*.service'), '');
    assert.match(own.units.journal('t-web.service'), /^up$/m);
    assert.match(own.rig.ok('status', 't-web'), /^unit=t-web\.service$/m);
  });

  it('ends with the unit, by the word of systemctl or of podctl, and has then succeeded', () => {
    own.units.pod('t-web.service', script(IDLE), ['Restart=always']);
    own.units.start('t-web.service');
    output('systemctl', 'stop', 't-web.service');
    assert.equal(own.units.show('t-web.service', 'Result'), 'success');
    assert.equal(pods()[0]?.state, 'exited');
    own.units.start('t-web.service');
    own.rig.ok('stop', 't-web');
    assert.equal(own.units.show('t-web.service', 'ActiveState'), 'inactive');
    own.units.start('t-web.service');
    own.rig.ok('stop', '--force', 't-web.service');
    assert.match(own.units.show('t-web.service', 'ActiveState'), /^(inactive|failed)$/);
    assert.equal(output('find', '/sys/fs/cgroup/system.slice', '-name', '*t-web*'), '');
  });

  it('passes the status of the app on', async () => {
    own.units.pod('t-web.service', script('exit 7'));
    own.units.systemctl('start', 't-web.service');
    await until(() => (own.units.show('t-web.service', 'ActiveState') === 'failed' ? true : undefined), 'the end');
    assert.equal(own.units.show('t-web.service', 'ExecMainStatus'), '7');
    assert.equal(own.units.show('t-web.service', 'Result'), 'exit-code');
  });

  for (const type of ['exec', 'simple', 'oneshot']) {
    it(`runs in a unit of Type=${type}, which does not listen`, async () => {
      own.units.pod('t-web.service', script(`${type === 'oneshot' ? 'exit 0' : IDLE}`), [`Type=${type}`]);
      own.units.start('t-web.service');
      if (type === 'oneshot') {
        assert.equal(pods()[0]?.state, 'exited');
        return;
      }
      await until(() => (pods()[0]?.state === 'running' && pods()[0]?.pid ? true : undefined), 'the pod');
      assert.equal(pods()[0]?.unit, 't-web.service');
      output('systemctl', 'stop', 't-web.service');
      assert.equal(own.units.show('t-web.service', 'Result'), 'success');
      assert.equal(pods()[0]?.state, 'exited');
    });
  }

  it('is restarted in place, registered anew, and leaves one ended pod however often', async () => {
    own.units.pod('t-web.service', script(IDLE), ['Restart=always', 'RestartSec=10ms'], ['StartLimitIntervalSec=0']);
    own.units.start('t-web.service');
    for (let times = 1; times <= 5; times += 1) {
      output('systemctl', 'kill', '--signal=KILL', '--kill-whom=main', 't-web.service');
      await until(
        () =>
          own.units.show('t-web.service', 'NRestarts') === String(times) &&
          own.units.show('t-web.service', 'ActiveState') === 'active'
            ? true
            : undefined,
        `restart ${times}`,
      );
    }
    const [pod, ...others] = pods();
    assert.deepEqual(others, []);
    assert.equal(pod?.state, 'running');
    const leader = output('machinectl', 'show', '--value', '-p', 'Leader', 't-web').trim();
    assert.equal(leader, own.units.show('t-web.service', 'MainPID'));
    assert.equal(output('machinectl', 'show', '--value', '-p', 'Unit', 't-web').trim(), 't-web.service');
  });

  it("leaves another's machine of that name alone, and runs without one", async () => {
    own.units.pod('t-web.service', ['--name=t-other', ...script(IDLE)]);
    own.units.pod('t-web2.service', ['--name=t-other', ...script(IDLE)]);
    own.units.start('t-web.service');
    const leader = own.units.show('t-web.service', 'MainPID');
    assert.notEqual(own.units.systemctl('start', 't-web2.service').status, 0);
    assert.match(own.units.journal('t-web2.service'), /pod-name-taken/);
    assert.equal(output('machinectl', 'show', '--value', '-p', 'Leader', 't-other').trim(), leader);
  });

  it('takes a name of its own if that of the unit is taken', () => {
    own.units.pod('t_web.service', script(IDLE));
    own.units.pod('t-web.service', script(IDLE));
    own.units.start('t_web.service');
    own.units.start('t-web.service');
    const names = pods().map(({ unit, pod_name, name }) => [unit, pod_name === `podctl-${name}` ? 'own' : pod_name]);
    assert.deepEqual(names.sort(), [
      ['t-web.service', 'own'],
      ['t_web.service', 't-web'],
    ]);
    assert.match(own.units.journal('t-web.service'), /the name "t-web" belongs to pod/);
  });

  it('bounds the devices of its apps although the unit does not', async () => {
    const look = 'mknod /tmp/disk b 8 0 2>&1; mknod /tmp/null c 1 3 && echo null > /tmp/null && echo fine; echo seen';
    own.units.pod('t-web.service', script(`${look}; ${IDLE}`));
    own.units.start('t-web.service');
    await until(() => (/^seen$/m.test(own.units.journal('t-web.service')) ? true : undefined), 'the app');
    assert.match(own.units.journal('t-web.service'), /^mknod: \/tmp\/disk: Operation not permitted$/m);
    assert.match(own.units.journal('t-web.service'), /^fine$/m);
    assert.equal(own.units.show('t-web.service', 'DevicePolicy'), 'auto');
  });

  it('runs a prepared pod, and an empty one, in place', () => {
    const uuid = own.rig.ok('--insecure-options=image', 'prepare', ...script(IDLE)).trim();
    own.units.pod(
      't-prepared.service',
      [],
      [`ExecStart=`, `ExecStart=${own.units.line('run-prepared', '--net=none', uuid)}`],
    );
    own.units.pod('t-empty.service', [], [`ExecStart=`, `ExecStart=${own.units.line('app', 'sandbox', '--net=none')}`]);
    for (const name of ['t-prepared.service', 't-empty.service']) {
      own.units.start(name);
      assert.equal(pods().filter(({ unit, state }) => unit === name && state === 'running').length, 1, name);
    }
  });

  it('has a unit of its own without Delegate=, says so, and ends with the outer one however that ends', async () => {
    for (const end of ['stop', 'kill']) {
      own.units.pod('t-web.service', script(IDLE), ['Delegate=no', 'KillMode=control-group']);
      own.units.start('t-web.service');
      const pod = pods().find(({ state }) => state === 'running');
      assert.equal(pod?.unit, `podctl-${pod?.name}.service`);
      assert.match(own.units.journal('t-web.service'), /with Delegate=yes, it runs in t-web\.service itself/);
      if (end === 'stop') output('systemctl', 'stop', 't-web.service');
      else output('systemctl', 'kill', '--signal=KILL', 't-web.service');
      await until(() => (pods().every(({ state }) => state !== 'running') ? true : undefined), `the end by ${end}`);
    }
  });

  it('--in-place demands one or the other', () => {
    own.units.pod('t-web.service', ['--in-place=no', ...script(IDLE)]);
    own.units.start('t-web.service');
    assert.match(pods()[0]?.unit ?? '', /^podctl-/);
    output('systemctl', 'stop', 't-web.service');
    own.units.pod('t-web.service', ['--in-place=yes', ...script(IDLE)], ['Delegate=no']);
    assert.notEqual(own.units.systemctl('start', 't-web.service').status, 0);
    assert.match(own.units.journal('t-web.service'), /not-in-place: .* t-web\.service has no cgroups of its own/);
    const { status, stderr } = own.rig.podctl('--insecure-options=image', 'run', '--in-place=yes', own.image);
    assert.deepEqual([status, /not-in-place.* was not executed by a unit/.test(stderr)], [254, true], stderr);
  });

  it('is not led astray where it is not the main process: ExecStartPre=, a script, another manager', () => {
    own.units.pod('t-web.service', script(IDLE), [
      `ExecStartPre=${own.units.line('run', '--net=none', ...script('echo migrated'))}`,
    ]);
    own.units.start('t-web.service');
    assert.match(own.units.journal('t-web.service'), /podctl is not the main process/);
    assert.deepEqual(
      pods()
        .filter(({ state }) => state === 'running')
        .map(({ unit }) => unit),
      ['t-web.service'],
    );
    const run = running('echo scripted');
    const line = run.map((word) => `'${word}'`).join(' ');
    const ran = command([
      'systemd-run',
      '--quiet',
      '--pipe',
      '--wait',
      '-p',
      'Delegate=yes',
      'sh',
      '-c',
      `${line}; exit 5`,
    ]);
    assert.deepEqual([ran.status, ran.stdout], [5, 'scripted\n'], ran.stderr);
  });

  it('runs by systemd-run, with and without Delegate=, with its output and status', () => {
    for (const delegate of ['yes', 'no']) {
      const run = running('echo out; exit 3');
      const { status, stdout, stderr } = command([
        'systemd-run',
        '--quiet',
        '--pipe',
        '--wait',
        '-p',
        `Delegate=${delegate}`,
        ...run,
      ]);
      assert.deepEqual([status, stdout], [3, 'out\n'], stderr);
    }
  });

  it('refuses a unit that confines podctl, in words of its directives', () => {
    for (const [line, why] of [
      ['CapabilityBoundingSet=~CAP_SYS_ADMIN', /unit-unfit: .*without CAP_SYS_ADMIN \(CapabilityBoundingSet=/],
      ['SystemCallFilter=~@reboot', /unit-unfit: .*filters system calls \(SystemCallFilter=/],
      ['User=nobody', /not-root/],
    ] as const) {
      own.units.pod('t-web.service', script(IDLE), [line]);
      assert.notEqual(own.units.systemctl('start', 't-web.service').status, 0);
      assert.match(own.units.journal('t-web.service'), why);
      assert.deepEqual(pods(), []);
    }
  });

  for (const line of [
    'PrivateTmp=yes',
    'ProtectSystem=full',
    'ProtectHome=yes',
    'PrivateMounts=yes',
    'NotifyAccess=all',
    'KillMode=control-group',
  ]) {
    it(`runs in a unit with ${line}`, function () {
      if (line === 'PrivateTmp=yes' && /^\/(?:var\/)?tmp\//.test(PODCTL))
        skip(this, `such a unit does not see ${PODCTL}`);
      own.units.pod('t-web.service', script(IDLE), [line]);
      own.units.start('t-web.service');
      assert.equal(pods()[0]?.unit, 't-web.service');
      assert.equal(own.rig.ok('enter', 't-web', '/bin/echo', 'entered'), 'entered\n');
      output('systemctl', 'stop', 't-web.service');
      assert.equal(own.units.show('t-web.service', 'Result'), 'success');
    });
  }
});
