import assert from 'node:assert/strict';
import { PodctlError } from '#kernel/errors';
import {
  BusError,
  type MatchRule,
  type MethodCall,
  type Reply,
  type Signal,
  type Value,
} from '../../../stage0/systemd/bus';
import { startFailure, startUnit, type UnitRun } from '../../../stage0/systemd/unit-run';
import { property } from '../../../units/properties';

const UNIT = 'podctl-x.service';
const JOB = '/org/freedesktop/systemd1/job/7';
const SYSTEMD = ':1.0';

/** A bus whose other end is the test: it records calls, and says what systemd would. */
class FakeBus {
  readonly calls: MethodCall[] = [];
  readonly #listeners: [MatchRule, (signal: Signal) => void][] = [];
  readonly closed: Promise<Error | undefined>;
  lose: (error: Error) => void = () => undefined;
  answer: (reply: Reply) => void = () => undefined;
  refuse: (error: Error) => void = () => undefined;

  constructor() {
    this.closed = new Promise((resolve) => {
      this.lose = resolve;
    });
  }
  call(call: MethodCall): Promise<Reply> {
    this.calls.push(call);
    return new Promise((resolve, reject) => {
      this.answer = resolve;
      this.refuse = reject;
    });
  }
  async match(rule: MatchRule, listener: (signal: Signal) => void): Promise<void> {
    assert.equal(this.calls.length, 0, 'matches stand before the start');
    this.#listeners.push([rule, listener]);
  }
  close(): void {
    throw new Error('the bus is not ours to close');
  }
  accept(): Promise<void> {
    this.answer({ sender: SYSTEMD, body: [JOB] });
    return new Promise((resolve) => setImmediate(resolve));
  }
  hear(member: string, body: readonly Value[], sender = SYSTEMD): void {
    const mayMention = (text: string): boolean => stringsIn(body).some((one) => one.includes(text));
    for (const [rule, listener] of this.#listeners)
      if (rule.member === member) listener({ sender, path: '', body, mayMention });
  }
  jobRemoved(result: string, job = JOB, sender = SYSTEMD): void {
    this.hear('JobRemoved', [7, job, UNIT, result], sender);
  }
  service(changed: Record<string, [string, Value]>, sender = SYSTEMD): void {
    this.#changed('org.freedesktop.systemd1.Service', changed, sender);
  }
  unit(state: string, job: number, sender = SYSTEMD): void {
    this.#changed('org.freedesktop.systemd1.Unit', { ActiveState: ['s', state], Job: ['(uo)', [job, '/']] }, sender);
  }
  #changed(of: string, changed: Record<string, [string, Value]>, sender: string): void {
    const entries = Object.entries(changed).map(([name, [signature, value]]) => [name, { signature, value }]);
    this.hear('PropertiesChanged', [of, entries, []], sender);
  }
}

const stringsIn = (value: Value): string[] =>
  typeof value === 'string'
    ? [value]
    : Array.isArray(value)
      ? value.flatMap(stringsIn)
      : typeof value === 'object' && 'value' in value
        ? stringsIn(value.value)
        : [];

const EXITED_7 = { ExecMainCode: ['i', 1], ExecMainStatus: ['i', 7], Result: ['s', 'exit-code'] } as const;

/** What a promise has come to by now. */
async function now<T>(promise: Promise<T>): Promise<T | 'pending'> {
  await new Promise((resolve) => setImmediate(resolve));
  return Promise.race([promise, Promise.resolve('pending' as const)]);
}

describe('startUnit', () => {
  let bus: FakeBus;
  let run: UnitRun;
  beforeEach(() => {
    bus = new FakeBus();
    run = startUnit(bus, { unit: UNIT, properties: [property('AddRef', true)] });
  });
  const changed = (values: Readonly<Record<string, readonly [string, Value]>>) =>
    values as Record<string, [string, Value]>;

  it('asks for the unit with its properties as a(sv)', () => {
    const [call] = bus.calls;
    assert.equal(call?.member, 'StartTransientUnit');
    assert.deepEqual(call?.body, [UNIT, 'fail', [['AddRef', { signature: 'b', value: true }]], []]);
  });

  it('is ready when its own job is done', async () => {
    await bus.accept();
    bus.jobRemoved('canceled', '/org/freedesktop/systemd1/job/6');
    assert.equal(await now(run.ready), 'pending');
    bus.service({ MainPID: ['u', 42], StatusText: ['s', 'up'] });
    bus.jobRemoved('done');
    assert.equal(await now(run.ready), 'done');
    assert.equal(run.mainPid(), 42);
    assert.equal(run.statusText(), 'up');
    assert.equal(await now(run.exited), 'pending');
  });

  it('does not take the inactive state before the start for an exit', async () => {
    await bus.accept();
    bus.unit('inactive', 0);
    bus.unit('inactive', 7);
    bus.unit('activating', 7);
    assert.equal(await now(run.exited), 'pending');
  });

  it('does not take an end with another job to come, such as a restart, for the last', async () => {
    await bus.accept();
    bus.jobRemoved('done');
    bus.service(changed(EXITED_7));
    bus.unit('inactive', 8);
    assert.equal(await now(run.exited), 'pending');
  });

  it('reads the exit status from signals', async () => {
    await bus.accept();
    bus.jobRemoved('done');
    bus.unit('active', 0);
    bus.service(changed(EXITED_7));
    assert.equal(await now(run.exited), 'pending');
    bus.unit('failed', 0);
    assert.deepEqual(await now(run.exited), { code: 'exited', status: 7, result: 'exit-code' });
  });

  it('copes with signals that overtake the reply, and with an exit before JobRemoved', async () => {
    bus.service(changed(EXITED_7));
    bus.unit('failed', 0);
    bus.jobRemoved('done');
    assert.equal(await now(run.exited), 'pending');
    await bus.accept();
    assert.equal((await run.exited).status, 7);
    assert.equal(await run.ready, 'done');
  });

  it('does not believe signals of anybody but systemd', async () => {
    bus.jobRemoved('done', JOB, ':1.66');
    await bus.accept();
    bus.jobRemoved('done', JOB, ':1.66');
    bus.service(changed(EXITED_7), ':1.66');
    bus.unit('failed', 0, ':1.66');
    assert.equal(await now(run.ready), 'pending');
    assert.equal(await now(run.exited), 'pending');
  });

  it('ends with `never` when the start failed before the program ran', async () => {
    await bus.accept();
    bus.service({ Result: ['s', 'resources'] });
    bus.unit('failed', 7);
    bus.jobRemoved('failed');
    bus.unit('failed', 0);
    const exit = await run.exited;
    assert.deepEqual(exit, { code: 'never', status: 0, result: 'resources' });
    const failure = startFailure(UNIT, await run.ready, exit);
    assert.equal(failure.code, 'unit-failed');
    assert.match(failure.message, /start job of podctl-x\.service ended with "failed" \(result resources\)/);
  });

  it('explains a refusal', async () => {
    const name = 'org.freedesktop.DBus.Error.PropertyReadOnly';
    bus.refuse(new BusError(name, 'Cannot set property Foo, or unknown property.', bus.calls[0] as MethodCall));
    for (const promise of [run.accepted, run.ready, run.exited]) {
      await assert.rejects(promise, (failure) => {
        assert.ok(failure instanceof PodctlError);
        assert.equal(failure.code, 'systemd-refused');
        assert.match(failure.message, /cannot start podctl-x\.service: Cannot set property Foo.*PropertyReadOnly/);
        assert.match(failure.hint ?? '', /systemd 252 or newer/);
        return true;
      });
    }
  });

  it('fails when the bus goes away', async () => {
    await bus.accept();
    bus.jobRemoved('done');
    bus.lose(new PodctlError('no-systemd', 'gone'));
    assert.equal(await run.ready, 'done');
    await assert.rejects(run.exited, /gone/);
  });
});
