import assert from 'node:assert/strict';
import { type Bus, BusError, type MethodCall } from '../../../stage0/systemd/bus';
import { untilForgotten } from '../../../stage0/systemd/machine-rename';

/** A bus that answers GetMachine so many times before it knows the machine no longer. */
function busThatRemembers(times: number, end: string): { bus: Bus; calls: MethodCall[] } {
  const calls: MethodCall[] = [];
  const bus: Bus = {
    closed: new Promise(() => undefined),
    close: () => undefined,
    match: () => Promise.resolve(),
    call: (call) => {
      calls.push(call);
      if (calls.length > times) return Promise.reject(new BusError(end, 'so it is', call));
      return Promise.resolve({ sender: ':1.1', body: ['/a'] });
    },
  };
  return { bus, calls };
}

describe('a machine that is to be forgotten', () => {
  it('is asked for until it is', async () => {
    const { bus, calls } = busThatRemembers(3, 'org.freedesktop.machine1.NoSuchMachine');
    await untilForgotten(bus, 'web');
    assert.deepEqual(
      calls.map(({ member, body }) => [member, body]),
      Array(4).fill(['GetMachine', ['web']]),
    );
  });

  it('is not asked for any more after an error of another kind', async () => {
    const { bus, calls } = busThatRemembers(0, 'org.freedesktop.DBus.Error.NoReply');
    await assert.rejects(untilForgotten(bus, 'web'), BusError);
    assert.equal(calls.length, 1);
  });

  it('is not waited for forever', async () => {
    const { bus, calls } = busThatRemembers(Number.POSITIVE_INFINITY, '');
    await untilForgotten(bus, 'web');
    assert.ok(calls.length > 5 && calls.length < 20, String(calls.length));
  });
});
