import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { PodctlError } from '#kernel/errors';
import { BusError, type Value } from '../../../stage0/systemd/bus';
import { askProperties } from '../../../stage0/systemd/dbus/ask';
import { decodeMessage } from '../../../stage0/systemd/dbus/message';
import { getProperty } from '../../../stage0/systemd/names';
import { askOwnState } from '../../../stage0/systemd/own-unit';
import { native } from '../../../stage1/native/index';
import { scratchDirectory } from '../../fixtures/scratch';
import { skip } from '../../runner/skip';
import { error, reply, signal } from './answers';
import { type Peer, startPeer } from './peer';

const PATIENCE_MS = 100;
const CALLS = ['MainPID', 'Delegate'].map((name) => getProperty('/unit', 'org.freedesktop.systemd1.Service', name));
const ACQUIRED = { path: '/', interface: 'org.freedesktop.DBus', member: 'NameAcquired' };

describe('questions to the bus that are waited for by blocking', () => {
  const scratch = scratchDirectory();
  let peer: Peer | undefined;
  before(function () {
    try {
      native();
    } catch (failure) {
      if (!(failure instanceof PodctlError)) throw failure;
      skip(this, 'the addon is not built: npm run build:native');
    }
  });
  const close = () => {
    peer?.close();
    peer = undefined;
  };
  afterEach(close);

  const ask = async (greeting?: string) => {
    peer = await startPeer(greeting);
    return askProperties({ socket: peer.socket, uid: 0, sockets: native(), timeoutMs: PATIENCE_MS }, CALLS);
  };
  /** What came, in its order. The answers are there before anybody waits for them. */
  const received = async () => {
    const messages = [];
    for (let n = 0; n < 3; n += 1) messages.push(decodeMessage(await (peer ?? assert.fail()).next()));
    return messages;
  };
  /** Answers Hello, and each call with a variant of this signature and value. */
  const answer = async (...variants: readonly (readonly [string, Value])[]) => {
    const [hello, ...calls] = await received();
    assert.ok(hello);
    peer?.send(Buffer.concat([reply(hello, 's', [':1.5']), signal(ACQUIRED, 's', [':1.5'])]));
    for (const [index, call] of calls.entries()) {
      const [signature, value] = variants[index] ?? ['s', ''];
      peer?.send(reply(call, 'v', [{ signature, value }]));
    }
  };
  const code = (expected: string) => (failure: unknown) => failure instanceof PodctlError && failure.code === expected;

  it('go in one write, and their answers come in order, whatever signals lie between', async () => {
    const answers = await ask();
    await answer(['u', 4711], ['b', true]);
    assert.equal(peer?.reads(), 1);
    assert.deepEqual(answers(), [4711, true]);
  });

  it('are calls as every other connection makes them', async () => {
    const answers = await ask();
    const [hello, first] = await received();
    assert.equal(hello?.member, 'Hello');
    assert.deepEqual([first?.path, first?.member, first?.serial], ['/unit', 'Get', 2]);
    assert.deepEqual(first?.body, ['org.freedesktop.systemd1.Service', 'MainPID']);
    assert.throws(answers, code('systemd-silent'));
  });

  it('understand values of any kind', async () => {
    const answers = await ask();
    await answer(['s', 'text'], ['b', false]);
    assert.deepEqual(answers(), ['text', false]);
  });

  it('fail with what the bus says', async () => {
    const answers = await ask();
    const [hello, first] = await received();
    assert.ok(hello && first);
    peer?.send(reply(hello, 's', [':1.5']));
    peer?.send(error(first, 'org.freedesktop.systemd1.NoSuchUnit', 'gone'));
    assert.throws(answers, (failure) => failure instanceof BusError && failure.message === 'gone');
  });

  it('fail where there is no bus, where it refuses, hangs up, or sends what is none', async () => {
    const nowhere = { socket: '/nonexistent/bus', uid: 0, sockets: native() };
    assert.throws(() => askProperties(nowhere, CALLS), code('no-systemd'));
    const refused = await ask('REJECTED\r\n');
    await received();
    assert.throws(refused, code('no-systemd'));
    close();
    const cut = await ask();
    await received();
    peer?.hangUp();
    await new Promise((resolve) => setImmediate(resolve));
    assert.throws(cut, code('no-systemd'));
    close();
    const damaged = await ask();
    await received();
    peer?.send(Buffer.from(`l\x02\x00\x01${'\xff'.repeat(12)}`, 'latin1'));
    assert.throws(damaged, code('no-systemd'));
  });

  it('end in their time, although signals keep coming and no answer', async () => {
    const socket = `${scratch()}/bus`;
    const program = `
      const { parentPort, workerData } = require('node:worker_threads');
      const greet = (peer) => {
        peer.on('error', () => undefined).write('OK x\\r\\n');
        setInterval(() => peer.write(workerData.signal), ${PATIENCE_MS / 10});
      };
      require('node:net').createServer(greet).listen(workerData.socket, () => parentPort.postMessage('ready'));`;
    const workerData = { socket, signal: signal(ACQUIRED, 's', [':1.5']) };
    const bus = new Worker(program, { eval: true, workerData });
    try {
      await once(bus, 'message');
      const answers = askProperties({ socket, uid: 0, sockets: native(), timeoutMs: PATIENCE_MS }, CALLS);
      assert.throws(answers, code('systemd-silent'));
    } finally {
      await bus.terminate();
    }
  });

  it('tell whose main process a unit has, and whether its cgroups are its own', () => {
    const state = askOwnState((calls) => {
      assert.deepEqual(
        calls.map(({ path, body }) => [path, body?.[1]]),
        [
          ['/org/freedesktop/systemd1/unit/web_2eservice', 'MainPID'],
          ['/org/freedesktop/systemd1/unit/web_2eservice', 'Delegate'],
        ],
      );
      return () => [7, true];
    }, 'web.service');
    assert.deepEqual(state(), { mainPid: 7, isDelegated: true });
    const gone = askOwnState(
      () => () => {
        throw new BusError('org.freedesktop.systemd1.NoSuchUnit', 'gone', CALLS[0] ?? assert.fail());
      },
      'web.service',
    );
    assert.throws(gone, code('unit-gone'));
  });
});
