/** The operator's verbs on a pod that runs in a unit of the user's. */
import assert from 'node:assert/strict';
import { output, until } from '../rig/rig';
import { helloImage, OwnUnits } from '../rig/suite';
import { skip } from '../runner/skip';

interface Pod {
  readonly name: string;
  readonly pod_name: string;
  readonly unit: string;
  readonly state: string;
  readonly pid: number;
  readonly apps: readonly { readonly name: string; readonly state: string; readonly exit_code: number | null }[];
}
interface Row {
  readonly [key: string]: unknown;
}

describe("operating a pod in a unit of the user's", () => {
  const UNIT = 't-shop.service';
  const own = new OwnUnits(helloImage);

  const IDLE = 'trap "exit 0" TERM; trap "echo hup" HUP; echo up; while :; do sleep 0.1; done';
  const start = (script = IDLE, lines: readonly string[] = []): Pod => {
    own.units.pod(UNIT, [own.image, '--exec=/bin/sh', '--', '-c', script], lines);
    own.units.start(UNIT);
    return status(UNIT);
  };
  /** Its app has set its traps: a start is over before. */
  const up = (): Promise<string> => until(() => /\bup$/m.exec(own.rig.podctl('logs', UNIT).stdout)?.[0], 'the app');
  const status = (of: string): Pod => JSON.parse(own.rig.ok('status', '--format=json', of)) as Pod;
  const rows = (...args: string[]): Row[] => JSON.parse(own.rig.ok(...args, '--format=json')) as Row[];
  const refused = (code: string, ...args: string[]): string => {
    const { status: exit, stderr } = own.rig.podctl(...args);
    assert.match(stderr, new RegExp(`: ${code}: `));
    assert.equal(exit, 254);
    return stderr;
  };

  it('is found by its name, its unit, with and without the suffix, and the beginning of its UUID', () => {
    const { name: pod } = start();
    for (const word of ['t-shop', UNIT, pod, pod.slice(0, 8)]) {
      assert.equal(status(word).name, pod);
      const [inspected] = rows('inspect', word) as [Row];
      assert.equal(inspected['name'], pod);
      assert.equal((inspected['unit_properties'] as Row)['Id'], UNIT);
      assert.equal(inspected['cgroup'], `/sys/fs/cgroup${own.units.show(UNIT, 'ControlGroup')}`);
      assert.deepEqual(
        rows('stats', word).map(({ app }) => app),
        [null, 'hello'],
      );
      assert.deepEqual([...new Set(rows('top', word).map(({ app }) => app))], [null, 'hello']);
      assert.match(own.rig.ok('logs', word), /\bup$/m);
      own.rig.ok('status', '--wait-ready=10s', word);
    }
    own.rig.ok('rename', UNIT, 't-market');
    for (const word of ['t-market', UNIT, 't-shop']) assert.equal(status(word).name, pod);
    assert.match(output('machinectl', 'list', '--no-legend'), /^t-market /m);
  });

  it('pauses and resumes the unit, and stops it while it is paused', () => {
    const { name: pod } = start();
    own.rig.ok('pause', UNIT);
    assert.equal(own.units.show(UNIT, 'FreezerState'), 'frozen');
    assert.equal(status(pod).state, 'paused');
    own.rig.ok('resume', pod);
    assert.equal(own.units.show(UNIT, 'FreezerState'), 'running');
    own.rig.ok('pause', '--app=hello', UNIT);
    assert.equal(own.units.show(UNIT, 'FreezerState'), 'running');
    assert.equal(status(pod).apps[0]?.state, 'paused');
    own.rig.ok('resume', '--app=hello', UNIT);
    own.rig.ok('pause', pod);
    own.rig.ok('stop', pod);
    assert.deepEqual([own.units.show(UNIT, 'ActiveState'), own.units.show(UNIT, 'Result')], ['inactive', 'success']);
    assert.equal(status(UNIT).state, 'exited');
    assert.equal(own.rig.podctl('stop', UNIT).status, 0); // it has ended already
  });

  it('stops it in another time than it was started with, and at once by force', async () => {
    for (const [flag, took] of [
      ['--time=500ms', 400],
      ['--force', 0],
    ] as const) {
      const text = 'trap "" TERM; echo up; while :; do sleep 0.1; done';
      const { name: pod } = start(text, ['Restart=always', 'RestartSec=0']);
      await up();
      const began = Date.now();
      own.rig.ok('stop', flag, UNIT);
      assert.ok(Date.now() - began >= took && Date.now() - began < 8_000, `${flag}: ${Date.now() - began} ms`);
      assert.equal(status(pod).state, 'exited');
      // By force the init goes, too, and nobody is left to say how the app ended.
      assert.equal(status(pod).apps[0]?.exit_code, flag === '--force' ? null : 137);
      // Restart= must not make another pod of one that was stopped on purpose.
      assert.match(own.units.show(UNIT, 'ActiveState'), /^(?:inactive|failed)$/);
      assert.equal(own.units.show(UNIT, 'Job'), '');
      assert.equal(own.units.show(UNIT, 'NRestarts'), '0');
      assert.doesNotMatch(own.units.journal(UNIT), /Scheduled restart job/);
      own.units.systemctl('reset-failed', UNIT);
    }
  });

  it('stops it in more time than it, and systemd, were told at its start', async () => {
    const slow = 'trap "sleep 2; exit 7" TERM; echo up; while :; do sleep 0.1; done';
    own.units.pod(UNIT, ['--stop-timeout=200ms', own.image, '--exec=/bin/sh', '--', '-c', slow], ['TimeoutStopSec=1s']);
    own.units.start(UNIT);
    await up();
    own.rig.ok('stop', '--time=1m', UNIT);
    assert.deepEqual([status(UNIT).state, status(UNIT).apps[0]?.exit_code], ['exited', 7]);
  });

  it('stops one that is not up yet in less time than it was started with', async () => {
    const deaf = [
      '--stop-timeout=1m',
      own.image,
      '--exec=/bin/sh',
      '--ready=notify',
      '--',
      '-c',
      'trap "" TERM; echo up; while :; do sleep 0.1; done',
    ];
    own.units.pod(UNIT, deaf);
    own.units.systemctl('start', '--no-block', UNIT);
    await up();
    const began = Date.now();
    own.rig.ok('stop', '--time=300ms', UNIT);
    assert.ok(Date.now() - began < 20_000, `${Date.now() - began} ms`);
    assert.equal(status(UNIT).state, 'exited');
  });

  it('restarts the unit, which makes another pod, and one app, which does not', () => {
    const first = start();
    own.rig.ok('restart', UNIT);
    const second = status(UNIT);
    assert.notEqual(second.name, first.name);
    assert.deepEqual([second.state, second.pod_name], ['running', 't-shop']);
    refused('pod-not-found', 'status', first.name); // each run of a unit removes what the last one left
    own.rig.ok('restart', '--app=hello', UNIT);
    assert.deepEqual([status(UNIT).name, status(UNIT).pid], [second.name, second.pid]);
    own.rig.ok('pause', UNIT);
    own.rig.ok('restart', UNIT);
    assert.equal(status(UNIT).state, 'running');
    own.rig.ok('stop', UNIT);
    assert.match(refused('pod-wrong-state', 'restart', UNIT), /hint: systemctl start t-shop\.service/);
  });

  it('signals apps, waits for its end, and follows its logs to it', async () => {
    const { name: pod } = start();
    await up();
    own.rig.ok('kill', '-s', 'HUP', UNIT);
    await until(() => (/\bhup$/m.test(own.rig.ok('logs', UNIT)) ? true : undefined), 'its answer');
    const waiting = own.rig.start('status', '--wait', UNIT);
    const following = own.rig.start('logs', '-f', UNIT);
    own.rig.ok('kill', '-s', 'KILL', '--whom=all', '--app=hello', UNIT);
    const [waited, followed] = await Promise.all([waiting.ended, following.ended]);
    assert.match(waited.stdout, /^state=exited$/m);
    assert.equal(followed.status, 0);
    assert.match(followed.stdout, /\bup$/m);
    assert.equal(status(pod).apps[0]?.exit_code, 137);
    assert.equal(own.units.show(UNIT, 'ActiveState'), 'failed');
    refused('pod-not-ready', 'status', '--wait-ready', UNIT);
  });

  it('says which controllers are lacking where limits cannot be changed', function () {
    if (output('cat', '/sys/fs/cgroup/cgroup.controllers').includes('memory'))
      skip(this, 'this host has controllers: test/vm/inside/update.test.ts');
    start();
    for (const of of [[], ['--app=hello']])
      assert.match(refused('isolator-unenforceable', 'update', ...of, '--memory=64M', UNIT), /resource\/memory/);
  });
});
