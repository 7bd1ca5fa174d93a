/** What becomes of the operator's verbs when machined is away, when the bus does not answer, and when its policy says no. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { command, output } from '../rig/rig';
import { Services } from '../rig/service';
import { IdlePods } from '../rig/suite';

describe('operating pods on a host with faults', () => {
  const pods = new IdlePods();
  const machines = (): string => output('machinectl', 'list', '--no-legend');
  const MACHINED = 'systemd-machined.service';

  describe('without machined', () => {
    before(() => void output('systemctl', 'mask', '--runtime', '--now', MACHINED));
    after(() => void output('systemctl', 'unmask', '--runtime', MACHINED));

    it('starts, lists, restarts, pauses, renames and stops pods all the same', () => {
      const pod = pods.detach('alone');
      assert.match(pods.rig.ok('list', '--no-legend'), /^\S+\s+alone\s.*\srunning\s/m);
      pods.rig.ok('restart', 'alone');
      assert.equal(pods.status('alone').state, 'running');
      const renamed = pods.rig.podctl('rename', 'alone', 'lonely');
      assert.equal(renamed.status, 0);
      assert.match(renamed.stderr, /warning: machined does not know pod \S+ as lonely: .*\(org\.freedesktop\./);
      pods.rig.ok('pause', 'lonely');
      pods.rig.ok('resume', 'lonely');
      pods.rig.ok('kill', '-s', 'CONT', 'lonely');
      assert.equal(pods.status('lonely').name, pod);
      pods.rig.ok('stop', 'lonely');
      assert.equal(pods.status(pod).state, 'exited');
    });

    it('a pod that it never knew is registered by its next name, and no other machine is taken away', () => {
      pods.detach('first');
      output('systemctl', 'unmask', '--runtime', MACHINED);
      assert.doesNotMatch(machines(), /^first /m);
      const other = spawnMachine('first');
      try {
        const renamed = pods.rig.podctl('rename', 'first', 'second');
        assert.deepEqual([renamed.status, renamed.stderr], [0, '']);
        assert.match(machines(), /^second /m);
        assert.match(machines(), /^first /m);
      } finally {
        other();
      }
      pods.rig.ok('stop', 'second');
    });
  });

  /** Registers a process as a machine that is no pod's; returns what ends it. */
  function spawnMachine(name: string): () => void {
    const unit = 't-other-machine.service';
    output('systemd-run', '--collect', `--unit=${unit}`, '--slice=machine.slice', 'sleep', '1000');
    const leader = output('systemctl', 'show', '--value', '-p', 'MainPID', unit).trim();
    const manager = ['org.freedesktop.machine1', '/org/freedesktop/machine1', 'org.freedesktop.machine1.Manager'];
    output('busctl', 'call', ...manager, 'RegisterMachine', 'sayssus', name, '0', 'test', 'container', leader, '/');
    return () => void output('systemctl', 'stop', unit);
  }

  describe('with a bus that accepts and does not answer', () => {
    const SILENCE_MS = 25_000;
    const ADDRESS = 'DBUS_SYSTEM_BUS_ADDRESS';
    /** As a bus that hangs. The host's own is not stopped: systemd would hang with it, and all tests behind this one. */
    const bus = net.createServer();
    let units: Services;

    before(async () => {
      units = new Services(pods.rig);
      for (const name of ['one', 'two', 'three', 'four', 'five', 'six']) pods.detach(name);
      const socket = `${pods.rig.root}/bus`;
      bus.listen(socket);
      await once(bus, 'listening');
      process.env[ADDRESS] = `unix:path=${socket}`;
      units.pod('t-silent.service', [pods.image], [`Environment=${ADDRESS}=unix:path=${socket}`]);
    });
    after(() => {
      delete process.env[ADDRESS];
      bus.close();
      units?.dispose();
    });

    it('what needs no bus takes no notice', () => {
      const began = Date.now();
      assert.match(pods.rig.ok('list'), /one/);
      pods.rig.ok('status', 'one');
      pods.rig.ok('stats', '--no-stream', 'one');
      pods.rig.ok('top', 'one');
      pods.rig.ok('kill', '-s', 'CONT', 'one');
      pods.rig.ok('pause', '--app=sh', 'one');
      pods.rig.ok('resume', '--app=sh', 'one');
      pods.rig.ok('restart', '--app=sh', 'one');
      assert.ok(Date.now() - began < SILENCE_MS);
    });

    it('what needs it ends after 25 seconds, and says so', async () => {
      const began = Date.now();
      const verbs = [
        ['stop', 'one'],
        ['stop', '--force', 'two'],
        ['restart', 'three'],
        ['pause', 'four'],
        ['status', '--wait-ready', 'five'],
        ['--insecure-options=image', 'run', '--detach', '--net=none', pods.image],
      ];
      const all = verbs.map((words) => pods.rig.start(...words).ended);
      const inspecting = pods.rig.start('inspect', '--format=json', 'five').ended;
      const renaming = pods.rig.start('rename', 'six', 'sixth').ended;
      const unit = units.systemctl('start', 't-silent.service');
      for (const [index, { status: exit, stderr }] of (await Promise.all(all)).entries()) {
        assert.equal(exit, 254, verbs[index]?.join(' '));
        assert.match(stderr, /: systemd-silent: .* did not answer .* in 25000 ms\n {2}hint: .*dbus/);
      }
      const inspected = await inspecting;
      assert.equal(inspected.status, 0);
      assert.match(inspected.stderr, /systemd-silent/);
      const renamed = await renaming;
      assert.equal(renamed.status, 0);
      assert.match(renamed.stderr, /warning: machined does not know/);
      assert.equal(pods.status('sixth').state, 'running');
      assert.notEqual(unit.status, 0);
      assert.match(units.journal('t-silent.service'), /systemd-silent/);
      const took = Date.now() - began;
      assert.ok(took >= SILENCE_MS - 100 && took < 2 * SILENCE_MS, `${took} ms`);
    });
  });

  describe('with a bus whose policy refuses', () => {
    const POLICY = '/etc/dbus-1/system.d/podctl-test.conf';
    const BUS = ['org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus'];
    /** Without machined: the daemon, while it reads, asks it for users, which it cannot answer while it waits for the daemon. */
    const reload = (): void => {
      output('systemctl', 'mask', '--runtime', '--now', MACHINED);
      output('busctl', 'call', ...BUS, 'ReloadConfig');
      output('systemctl', 'unmask', '--runtime', MACHINED);
    };
    before(() => {
      pods.detach('kept');
      const refuse = (member: string): string =>
        `<deny send_destination="org.freedesktop.systemd1" send_interface="org.freedesktop.systemd1.Manager" send_member="${member}"/>`;
      const rules = ['StopUnit', 'FreezeUnit', 'StartTransientUnit'].map(refuse).join('\n');
      fs.writeFileSync(POLICY, `<busconfig><policy context="mandatory">${rules}</policy></busconfig>\n`);
      reload();
    });
    after(() => {
      fs.rmSync(POLICY, { force: true });
      reload();
    });

    for (const words of [
      ['stop', 'kept'],
      ['restart', 'kept'],
      ['pause', 'kept'],
    ])
      it(`tells what refused ${words[0]}, and the pod goes on`, () => {
        const { status: exit, stderr } = pods.rig.podctl(...words);
        assert.equal(exit, 254);
        assert.match(stderr, /: systemd-refused: cannot .*podctl-.*AccessDenied/);
        assert.match(stderr, /hint: .*policy of the bus/);
        assert.equal(pods.status('kept').state, 'running');
      });

    it('tells what refused run, and leaves nothing', () => {
      const before = command(['ls', `${pods.rig.dataDir}/pods/run`]).stdout;
      const { status: exit, stderr } = pods.rig.podctl(
        '--insecure-options=image',
        'run',
        '--detach',
        '--net=none',
        pods.image,
      );
      assert.equal(exit, 254);
      assert.match(stderr, /: systemd-refused: cannot start podctl-/);
      pods.rig.podctl('gc', '--grace-period=0');
      assert.ok(command(['ls', `${pods.rig.dataDir}/pods/run`]).stdout.length <= before.length);
    });
  });
});
