/** Units through the real bus of a real systemd. Run inside the container host, as root. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readlinkSync } from 'node:fs';
import { type AbsPath, isPodId } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import type { Bus } from '../../stage0/systemd/bus';
import { systemBusSocket } from '../../stage0/systemd/dbus/address';
import { connectBus } from '../../stage0/systemd/dbus/connection';
import { SYSTEMD_RUNTIME } from '../../stage0/systemd/host';
import { killUnit, listUnits, resetFailed, stopUnit, systemdVersion, unitStatus } from '../../stage0/systemd/manager';
import { startUnit, type UnitRun } from '../../stage0/systemd/unit-run';
import { POD_UNITS, podUnit } from '../../units/name';
import { podProperties } from '../../units/pod';
import { command, OLDEST_SYSTEMD, property, type UnitProperty } from '../../units/properties';
import { skip } from '../runner/skip';

const connect = (): Bus => connectBus({ socket: systemBusSocket(process.env) ?? '', uid: process.geteuid?.() ?? -1 });

const newPod = () => {
  const pod = randomUUID();
  assert.ok(isPodId(pod));
  return pod;
};

/** A pod's properties, but for the program: a shell script. */
function unitOf(script: string, ...more: readonly UnitProperty[]) {
  const pod = newPod();
  const path = '/nonexistent' as AbsPath;
  const own = podProperties({ pod, name: 'test', apps: ['sh'], executor: path, plan: path, stopGraceMs: 1000 });
  const replaced = new Set(['ExecStart', ...more.map(([name]) => name)]);
  const properties = [
    ...own.filter(([name]) => !replaced.has(name)),
    property('ExecStart', [command('/bin/sh', '-c', script, 'sh')]),
    ...more,
  ];
  return { pod, unit: podUnit(pod), properties };
}

/** `systemd-notify` is a process of its own: accept its message although it is not the main process. */
const READY = 'systemd-notify --ready --status=running;';
const FROM_ALL = property('NotifyAccess', 'all');

const systemctl = (...args: string[]) => execFileSync('systemctl', args, { encoding: 'utf8' });

const failsWith = (promise: Promise<unknown>, code: string, message: RegExp) =>
  assert.rejects(promise, (failure) => {
    assert.ok(failure instanceof PodctlError, String(failure));
    assert.equal(failure.code, code);
    assert.match(failure.message, message);
    return true;
  });

describe('systemd', function () {
  this.timeout(60_000);
  let bus: Bus;

  before(function () {
    if (!existsSync(SYSTEMD_RUNTIME) || process.geteuid?.() !== 0) {
      skip(this, `needs root and ${SYSTEMD_RUNTIME}; run it with test/host/host exec`);
    }
  });
  beforeEach(() => {
    bus = connect();
  });
  afterEach(async () => {
    bus.close();
  });
  after(async () => {
    if (!existsSync(SYSTEMD_RUNTIME)) return;
    const left = () => systemctl('list-units', '--all', '--no-legend', POD_UNITS);
    // systemd drops a unit a moment after the connection that referred to it has gone.
    for (let n = 0; n < 50 && left() !== ''; n += 1) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(left(), '', 'units are left behind');
  });

  it('is new enough', async () => {
    assert.ok((await systemdVersion(bus)) >= OLDEST_SYSTEMD);
  });

  it('reports the exact exit status of a unit that was ready', async () => {
    const { unit, properties } = unitOf(`${READY} exit 7`, FROM_ALL);
    const run = startUnit(bus, { unit, properties });
    assert.equal(await run.ready, 'done');
    assert.deepEqual(await run.exited, { code: 'exited', status: 7, result: 'exit-code' });
  });

  it('reports success, and a death by signal', async () => {
    const fine = unitOf(`${READY} exit 0`, FROM_ALL);
    assert.deepEqual(await startUnit(bus, fine).exited, { code: 'exited', status: 0, result: 'success' });
    const killed = unitOf(`${READY} kill -SEGV $$`, FROM_ALL, property('LimitNOFILE', 64n));
    const exit = await startUnit(bus, killed).exited;
    assert.equal(exit.status, 11);
    assert.match(exit.code, /killed|dumped/);
  });

  it('fails the start of a unit that exits before it is ready, and says with what', async () => {
    const run = startUnit(bus, unitOf('exit 9'));
    assert.equal(await run.ready, 'failed');
    assert.deepEqual(await run.exited, { code: 'exited', status: 9, result: 'exit-code' });
  });

  it('fails the start of a unit whose program does not exist', async () => {
    const { unit, properties } = unitOf('');
    const missing = property('ExecStart', [command('/no/such/program')]);
    const run = startUnit(bus, {
      unit,
      properties: [...properties.filter(([name]) => name !== 'ExecStart'), missing],
    });
    assert.equal(await run.ready, 'failed');
    assert.deepEqual(await run.exited, { code: 'exited', status: 203, result: 'exit-code' });
  });

  it('fails the start of a unit that is not ready in time', async () => {
    const run = startUnit(bus, unitOf('sleep 60', property('TimeoutStartUSec', 300_000n)));
    assert.match(await run.ready, /timeout|failed/);
    assert.equal((await run.exited).result, 'timeout');
  });

  it('ends with a dependency that failed, without a program having run', async () => {
    const broken = unitOf('exit 1');
    const { unit, properties } = unitOf(
      'sleep 60',
      property('Requires', [broken.unit]),
      property('After', [broken.unit]),
    );
    const failing = startUnit(bus, {
      ...broken,
      properties: broken.properties.filter(([name]) => name !== 'CollectMode'),
    });
    await failing.exited;
    const run = startUnit(bus, { unit, properties });
    assert.equal(await run.ready, 'dependency');
    assert.equal((await run.exited).code, 'never');
    await resetFailed(bus, broken.unit);
  });

  it('shows a running unit, signals it, and stops it', async () => {
    const script = `trap 'exit 0' TERM; trap 'echo usr1' USR1; ${READY} while :; do sleep 0.1; done`;
    const { pod, unit, properties } = unitOf(script, FROM_ALL);
    const run = startUnit(bus, { unit, properties });
    assert.equal(await run.ready, 'done');
    const status = await unitStatus(bus, unit);
    assert.equal(status.loadState, 'loaded');
    assert.equal(status.activeState, 'active');
    assert.equal(status.mainPid, run.mainPid());
    assert.equal(status.statusText, 'running');
    assert.equal(status.controlGroup, `/machine.slice/${unit}`);
    assert.deepEqual(
      (await listUnits(bus, POD_UNITS)).map((one) => [one.unit, one.activeState]),
      [[unit, 'active']],
    );
    await killUnit(bus, unit, 10, 'main');
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(await stopUnit(bus, unit), 'done');
    assert.deepEqual(await run.exited, { code: 'exited', status: 0, result: 'success' });
    execFileSync('journalctl', ['--sync']);
    const lines = execFileSync('journalctl', ['-o', 'cat', `POD_UUID=${pod}`, 'SYSLOG_IDENTIFIER=podctl'], {
      encoding: 'utf8',
    });
    assert.equal(lines, 'usr1\n');
  });

  it('keeps a running unit whole over a daemon-reload, and its command line as it was given', async () => {
    const script = `${READY} echo '$HOME $$ %n \\' "$1"; while :; do sleep 0.1; done`;
    const { pod, unit, properties } = unitOf('', FROM_ALL);
    const start = property('ExecStart', [command('/bin/sh', '-c', script, 'sh', 'a "b" $UID $PATH %% ; é\nz')]);
    const run = startUnit(bus, { unit, properties: [...properties.filter(([name]) => name !== 'ExecStart'), start] });
    assert.equal(await run.ready, 'done');
    systemctl('daemon-reload');
    assert.equal((await unitStatus(bus, unit)).loadState, 'loaded');
    assert.equal(await stopUnit(bus, unit), 'done');
    assert.equal((await run.exited).result, 'success');
    execFileSync('journalctl', ['--sync']);
    const lines = execFileSync('journalctl', ['-o', 'cat', `POD_UUID=${pod}`, 'SYSLOG_IDENTIFIER=podctl'], {
      encoding: 'utf8',
    });
    assert.equal(lines, '$HOME $$ %n \\ a "b" $UID $PATH %% ; é\nz\n');
  });

  it('stops a frozen unit', async function () {
    const { unit, properties } = unitOf(`trap 'exit 0' TERM; ${READY} while :; do sleep 0.1; done`, FROM_ALL);
    const run = startUnit(bus, { unit, properties });
    assert.equal(await run.ready, 'done');
    try {
      systemctl('freeze', unit);
    } catch {
      await stopUnit(bus, unit);
      skip(this, 'the kernel or the host has no freezer');
    }
    assert.equal(await stopUnit(bus, unit), 'done');
    assert.equal((await run.exited).result, 'success');
  });

  it('knows units that do not exist for what they are', async () => {
    const unit = podUnit(newPod());
    assert.equal(await stopUnit(bus, unit), undefined);
    assert.equal((await unitStatus(bus, unit)).loadState, 'not-found');
    await resetFailed(bus, unit);
    await failsWith(killUnit(bus, unit, 15, 'all'), 'unit-gone', /cannot send signal 15 to podctl-/);
  });

  it('refuses a name that is taken, and a property that systemd does not know', async () => {
    const taken = unitOf(`${READY} sleep 60`, FROM_ALL);
    const run = startUnit(bus, taken);
    await run.ready;
    await failsWith(startUnit(bus, taken).accepted, 'systemd-refused', /UnitExists/);
    await stopUnit(bus, taken.unit);
    await run.exited;
    const { unit, properties } = unitOf('exit 0');
    const unknown: UnitProperty = ['NoSuchThing' as 'Type', 's', 'x'];
    await failsWith(
      startUnit(bus, { unit, properties: [...properties, unknown] }).ready,
      'systemd-refused',
      /NoSuchThing/,
    );
  });

  it('drops a failed unit as soon as nobody refers to it', async () => {
    const { unit, properties } = unitOf('exit 3');
    await startUnit(bus, { unit, properties }).exited;
    assert.deepEqual(
      (await listUnits(bus, unit)).map(({ activeState }) => activeState),
      ['failed'],
    );
    bus.close();
    bus = connect();
    for (let n = 0; n < 50 && (await listUnits(bus, unit)).length > 0; n += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.deepEqual(await listUnits(bus, unit), []);
  });

  it('leaves a unit running that was started detached', async () => {
    const { unit, properties } = unitOf(`${READY} sleep 60`, FROM_ALL);
    assert.equal(await startUnit(bus, { unit, properties }).ready, 'done');
    bus.close();
    bus = connect();
    assert.equal((await unitStatus(bus, unit)).activeState, 'active');
    await stopUnit(bus, unit);
  });

  it('fails what waits when its connection is cut', async () => {
    const { unit, properties } = unitOf(`${READY} sleep 60`, FROM_ALL);
    const run = startUnit(bus, { unit, properties });
    await run.ready;
    bus.close();
    await assert.rejects(run.exited);
    bus = connect();
    await stopUnit(bus, unit);
  });

  it('starts 50 units at once and gets each status right', async () => {
    const runs = new Map<number, UnitRun>();
    for (let n = 1; n <= 50; n += 1) {
      // Three kinds: exit before ready, exit right behind it, exit a moment later.
      const script = [`exit ${n}`, `${READY} exit ${n}`, `${READY} sleep 0.2; exit ${n}`][n % 3] ?? '';
      runs.set(n, startUnit(bus, unitOf(script, FROM_ALL)));
    }
    for (const [n, run] of runs) {
      assert.equal(await run.ready, n % 3 === 0 ? 'failed' : 'done', `readiness of ${n}`);
      assert.deepEqual(await run.exited, { code: 'exited', status: n, result: 'exit-code' });
    }
  });

  it('confines a pod to the standard devices', async function () {
    const script = `${READY} exec 2>/dev/null; for n in null zero urandom ptmx kmsg; do (: <>/dev/$n) && echo $n; done; exit 0`;
    const { unit, properties } = unitOf(script, FROM_ALL);
    await startUnit(bus, { unit, properties }).exited;
    execFileSync('journalctl', ['--sync']);
    // Not by POD_UUID: what journald looks up when the first line's turn comes is forgotten with the unit.
    const open = execFileSync('journalctl', ['-o', 'cat', `_SYSTEMD_UNIT=${unit}`, 'SYSLOG_IDENTIFIER=podctl'], {
      encoding: 'utf8',
    });
    for (const device of ['null', 'zero', 'urandom', 'ptmx']) assert.match(open, new RegExp(`^${device}$`, 'm'));
    if (/^kmsg$/m.test(open)) skip(this, 'no BPF on this host: systemd cannot enforce DevicePolicy=; the VM host will');
  });

  it('runs podctl-gc.service in the mount namespace of the host', () => {
    const own = readlinkSync('/proc/1/ns/mnt');
    const file = execFileSync('sh', ['-c', 'grep -v ^Condition units/files/podctl-gc.service'], { encoding: 'utf8' });
    const unit = file.replace(/^ExecStart=.*$/m, 'ExecStart=/bin/readlink /proc/self/ns/mnt');
    const name = `podctl-test-${process.pid}.service`;
    execFileSync('tee', [`/run/systemd/system/${name}`], { input: unit });
    try {
      systemctl('daemon-reload');
      systemctl('start', name);
      execFileSync('journalctl', ['--sync']);
      const output = execFileSync('journalctl', ['-o', 'cat', '-u', name, 'SYSLOG_IDENTIFIER=podctl-gc'], {
        encoding: 'utf8',
      });
      assert.equal(output.trim(), own);
    } finally {
      execFileSync('rm', [`/run/systemd/system/${name}`]);
      systemctl('daemon-reload');
    }
  });
});
