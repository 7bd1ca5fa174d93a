/** What an operator sees of pods, and what there is to see when the bus is away. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { busyboxAci } from '../fixtures/aci';
import { command, needsHost, output, PODCTL, Rig, until, untilForgotten } from '../rig/rig';

interface Json {
  readonly [key: string]: unknown;
}

describe('looking at pods', () => {
  let rig: Rig;
  let image: string;
  let pod: string;

  before(function () {
    needsHost(this);
    rig = new Rig();
    image = rig.write('sh.aci', busyboxAci({ name: 'example.com/sh', exec: ['/bin/sh'] }));
    const busy = [image, '--name=busy', '--', '-c', 'sleep 1000 & while :; do :; done'];
    const idle = [image, '--name=idle', '--user=app', '--', '-c', 'exec sleep 1000'];
    pod = detach('--name=seen', ...busy, '---', ...idle);
  });
  after(() => rig?.dispose());

  const detach = (...args: string[]): string =>
    rig.ok('--insecure-options=image', 'run', '--detach', '--net=none', ...args).trim();
  const json = (...args: string[]): Json[] => JSON.parse(rig.ok(...args, '--format=json')) as Json[];
  const refused = (code: string, ...args: string[]): string => {
    const { status: exit, stderr } = rig.podctl(...args);
    assert.match(stderr, new RegExp(`: ${code}: `));
    assert.equal(exit, 254);
    return stderr;
  };

  it('stats tells what each app uses, and what the host does not account', async () => {
    const busy = await until(
      () => json('stats', 'seen').find(({ app, cpu_usec }) => app === 'busy' && Number(cpu_usec) > 20_000),
      'its CPU time',
    );
    assert.ok(Number(busy['cpu_percent']) > 0);
    const all = json('stats', pod);
    assert.deepEqual(
      all.map(({ app }) => app),
      [null, 'busy', 'idle'],
    );
    assert.ok(Number(all[0]?.['cpu_usec']) >= Number(all[1]?.['cpu_usec']));
    const table = rig.ok('stats', '--no-stream', 'seen').split('\n');
    assert.match(table[0] ?? '', /^POD\s+APP\s+CPU%\s+MEMORY\s+LIMIT\s+PIDS/);
    assert.match(table[1] ?? '', /^seen\s/);
    const controllers = output('cat', '/sys/fs/cgroup/cgroup.controllers').trim();
    if (controllers === '') assert.match(table[2] ?? '', /busy\s+[\d.]+\s+-\s+-\s+-\s+-\s+-\s/);
    assert.equal(rig.ok('stats').split('\n').length, table.length); // of all pods that run
    assert.match(refused('pod-not-found', 'stats', 'nobody'), /nobody/);
  });

  it('stats goes on on a terminal, until ^C', () => {
    const line = [`${rig.globals.length}`, ...rig.globals].slice(1).join(' ');
    const script = `exec timeout -s INT 5 ${output('which', 'podctl').trim()} ${line} stats --interval=200ms seen`;
    const { stdout } = command(['script', '-qec', script, '/dev/null']);
    assert.ok(stdout.split('\u001b[H').length > 3, stdout);
  });

  it('top lists processes by app, with both numbers, user and command', () => {
    const all = json('top', 'seen');
    assert.deepEqual([...new Set(all.map(({ app }) => app))], [null, 'busy', 'idle']);
    const idle = all.find(({ app }) => app === 'idle');
    assert.equal(idle?.['command'], 'sleep 1000');
    assert.equal(idle?.['user'], 'app');
    assert.match(
      output('cat', `/proc/${idle?.['host_pid']}/status`),
      new RegExp(`^NSpid:\\t\\d+\\t${idle?.['pid']}$`, 'm'),
    );
    assert.equal(all.filter(({ app }) => app === 'busy').length, 2);
    assert.equal(all[0]?.['pid'], 1);
    assert.match(rig.ok('top', pod), /^APP\s+PID\s+HOST PID\s+USER\s+S\s+CPU%\s+TIME\s+MEMORY\s+COMMAND\n-\s+1\s/);
  });

  it('inspect has all of it', () => {
    const [seen] = json('inspect', 'seen') as [Json];
    assert.equal(seen['name'], pod);
    assert.equal(seen['network'], 'private');
    assert.equal((seen['record'] as Json)['name'], 'seen');
    assert.equal((seen['manifest'] as Json)['acKind'], 'PodManifest');
    const properties = seen['unit_properties'] as Json;
    assert.equal(properties['Id'], `podctl-${pod}.service`);
    assert.equal(properties['MainPID'], seen['pid']);
    assert.equal(properties['MemoryMax'], 'infinity');
    assert.ok((seen['mounts'] as Json[]).some(({ target, type }) => target === '/proc' && type === 'proc'));
    assert.equal(
      seen['cgroup'],
      `/sys/fs/cgroup${output('systemctl', 'show', '--value', '-p', 'ControlGroup', `podctl-${pod}`).trim()}`,
    );
  });

  it('rename changes name and machine, and frees the old name', async () => {
    const other = detach('--name=before', image, '--', '-c', 'exec sleep 1000');
    rig.ok('rename', 'before', 'after');
    assert.match(output('machinectl', 'list', '--no-legend'), /^after /m);
    assert.equal(command(['machinectl', 'show', 'before']).status, 1);
    assert.equal(JSON.parse(rig.ok('status', '--format=json', 'after')).name, other);
    const description = (): string => output('systemctl', 'show', '--value', '-p', 'Description', `podctl-${other}`);
    assert.equal(description(), 'Pod after (sh)\n');
    refused('pod-not-found', 'status', 'before');
    refused('pod-name-taken', 'rename', 'after', 'seen');
    refused('invalid-name', 'rename', 'after', 'no_name');
    refused('invalid-name', 'rename', 'after', 'x'.repeat(65));
    rig.ok('stop', 'after');
    await untilForgotten('after');
    rig.ok('rename', 'after', 'later');
    rig.ok('restart', 'later');
    assert.match(output('machinectl', 'list', '--no-legend'), /^later /m);
    assert.equal(description(), 'Pod later (sh)\n');
    rig.ok('stop', 'later');
    await untilForgotten('later');
    rig.ok('rm', 'later');
    const incoming = '/run/systemd/nspawn/propagate';
    assert.deepEqual(
      ['before', 'after', 'later'].filter((name) => fs.existsSync(`${incoming}/${name}`)),
      [],
    );
  });

  it('waits for readiness and for the end, and not longer than it is told', async () => {
    const script = 'while ! [ -e /go ]; do usleep 20000; done; exit 3';
    const waited = detach('--name=waited', image, '--', '-c', script);
    rig.ok('status', '--wait-ready', 'waited');
    rig.ok('status', '--wait-ready=1h', '--wait=false', waited);
    const began = Date.now();
    refused('wait-timeout', 'status', '--wait=300ms', 'waited');
    assert.ok(Date.now() - began < 10_000);
    const waiting = rig.start('status', '--wait', 'waited');
    rig.ok('enter', 'waited', 'touch', '/go');
    const { status: exit, stdout } = await waiting.ended;
    assert.equal(exit, 0);
    assert.match(stdout, /^state=exited$/m);
    assert.match(stdout, /^app-sh=3$/m);
    rig.ok('status', '--wait', 'waited');
    refused('pod-not-ready', 'status', '--wait-ready', 'waited');
    assert.equal(command(['pgrep', '-f', `podctl-stage1 wait ${rig.dataDir}`]).stdout, '');
  });

  it('waits for a prepared pod from before its start', async () => {
    const prepared = rig.ok('--insecure-options=image', 'prepare', image, '--', '-c', 'exit 0').trim();
    refused('wait-timeout', 'status', '--wait-ready=100ms', prepared);
    const waiting = rig.start('status', '--wait', prepared);
    rig.podctl('run-prepared', '--net=none', prepared);
    const { status: exit, stdout } = await waiting.ended;
    assert.equal(exit, 0);
    assert.match(stdout, /^state=exited$/m);
  });

  it('lists while pods come and go', async () => {
    const starts = Array.from({ length: 6 }, () =>
      rig.start('--insecure-options=image', 'run', '--net=none', image, '--', '-c', 'exit 0'),
    );
    let over = false;
    const all = Promise.all(starts.map(({ ended }) => ended)).then(() => {
      over = true;
    });
    while (!over) {
      for (const args of [['list'], ['list', '--format=json'], ['stats', '--no-stream'], ['gc', '--grace-period=0']])
        assert.equal(
          rig.podctl(...args).stderr.replace(/^(?:podctl: gc: warning|moving pod|Garbage collecting pod) .*\n/gm, ''),
          '',
        );
      await new Promise((resolve) => setImmediate(resolve));
    }
    await all;
  });

  describe('with the bus down', () => {
    before(() => void output('systemctl', 'stop', 'dbus.socket', 'dbus.service'));
    after(() => void output('systemctl', 'start', 'dbus.socket'));

    it('shows, signals, pauses apps and restarts them all the same', () => {
      assert.match(rig.ok('list'), /seen/);
      assert.equal(json('stats', 'seen').length, 3);
      assert.equal(json('top', 'seen').length, 4);
      rig.ok('pause', '--app=idle', 'seen');
      rig.ok('resume', '--app=idle', 'seen');
      rig.ok('restart', '--app=idle', 'seen');
      rig.ok('kill', '-s', 'CONT', 'seen');
      rig.ok('enter', '--app=idle', 'seen', 'true');
      const inspected = rig.podctl('inspect', '--format=json', 'seen');
      assert.equal(inspected.status, 0);
      assert.match(inspected.stderr, /no-systemd: the system bus at \/run\/dbus\/system_bus_socket/);
      assert.equal((JSON.parse(inspected.stdout) as Json[])[0]?.['unit_properties'], null);
    });

    for (const args of [
      ['stop', 'seen'],
      ['restart', 'seen'],
      ['pause', 'seen'],
      ['status', '--wait-ready', 'seen'],
    ])
      it(`says at once that ${args[0]} needs it`, () => {
        const began = Date.now();
        assert.match(refused('no-systemd', ...args), /hint: .*dbus/);
        assert.ok(Date.now() - began < 10_000);
        assert.equal(JSON.parse(rig.ok('status', '--format=json', 'seen')).state, 'running');
      });
  });

  it('tells others than root what they lack', () => {
    for (const verb of ['stop', 'pause', 'kill', 'restart', 'stats', 'top', 'rename']) {
      const words = verb === 'rename' ? [verb, 'seen', 'other'] : [verb, 'seen'];
      const tried = command(['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', PODCTL, ...words]);
      assert.equal(tried.status, 254);
      assert.match(tried.stderr, /not-root: .*\n\s+hint: run it as root/);
    }
  });
});
