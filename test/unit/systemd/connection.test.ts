import assert from 'node:assert/strict';
import { PodctlError } from '#kernel/errors';
import { type Bus, BusError } from '../../../stage0/systemd/bus';
import { systemBusSocket, unixSocket } from '../../../stage0/systemd/dbus/address';
import { connectBus } from '../../../stage0/systemd/dbus/connection';
import { decodeMessage } from '../../../stage0/systemd/dbus/message';
import type { SocketPort } from '../../../stage0/systemd/dbus/stream';
import { native } from '../../../stage1/native/index';
import { skip } from '../../runner/skip';
import { error, reply, signal } from './answers';
import { type Peer, startPeer } from './peer';

const call = { destination: 'a.b', path: '/x', interface: 'c.d', member: 'E' };
const rule = { sender: 'a.b', interface: 'c.d', member: 'Changed', arg2: 'mine' };

const failsWith = (promise: Promise<unknown>, code: string, message: RegExp) =>
  assert.rejects(promise, (failure) => {
    assert.ok(failure instanceof PodctlError, String(failure));
    assert.equal(failure.code, code);
    assert.match(failure.message, message);
    return true;
  });

/** The addon, if it is built and has the two calls. */
function addonSockets(): SocketPort | undefined {
  try {
    const addon: object = native();
    return 'connectUnix' in addon && 'shutdown' in addon ? (addon as SocketPort) : undefined;
  } catch (error) {
    if (error instanceof PodctlError) return undefined;
    throw error;
  }
}

for (const way of ['node:net', 'the addon'] as const)
  describe(`bus connection by ${way}`, () => {
    const sockets = way === 'the addon' ? addonSockets() : undefined;
    before(function () {
      if (way === 'node:net' || sockets !== undefined) return;
      skip(this, 'the addon is not built: npm run build:native');
    });
    let peer: Peer;
    let bus: Bus;
    const connect = (socket: string) => connectBus({ socket, uid: 0, ...(sockets === undefined ? {} : { sockets }) });
    const start = async (greeting?: string) => {
      peer = await startPeer(greeting);
      bus = connect(peer.socket);
    };
    const hello = async () => peer.send(reply(decodeMessage(await peer.next()), 's', [':1.5']));
    afterEach(() => {
      bus?.close();
      peer?.close();
    });

    it('sends authentication, Hello and the first calls in one write', async () => {
      await start();
      const matched = bus.match(rule, () => undefined);
      const called = bus.call({ ...call, signature: 's', body: ['hi'] });
      const members = [];
      for (let n = 0; n < 3; n += 1) {
        const message = decodeMessage(await peer.next());
        members.push(message.member);
        peer.send(reply(message, 's', [`to ${message.member}`]));
      }
      assert.deepEqual(members, ['Hello', 'AddMatch', 'E']);
      assert.deepEqual((await called).body, ['to E']);
      await matched;
      assert.equal(peer.reads(), 1);
    });

    it('puts together messages that arrive in pieces, and takes apart those that arrive together', async () => {
      await start();
      await hello();
      const calls = [bus.call(call), bus.call(call)];
      const replies = [];
      for (let n = 0; n < 2; n += 1) replies.push(reply(decodeMessage(await peer.next()), 'u', [n]));
      const bytes = Buffer.concat(replies);
      for (const part of [bytes.subarray(0, 3), bytes.subarray(3, 30), bytes.subarray(30)]) {
        peer.send(part);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      assert.deepEqual(
        (await Promise.all(calls)).map(({ body }) => body[0]),
        [0, 1],
      );
    });

    it('hands over the signals that meet the rule, and no others', async () => {
      await start();
      const heard: unknown[] = [];
      bus.match(rule, ({ body }) => heard.push(body[0])).catch(() => undefined);
      await hello();
      const path = '/x';
      peer.send(signal({ ...rule, path, member: 'Other' }, 'uss', [1, '', 'mine']));
      peer.send(signal({ ...rule, path }, 'uss', [2, '', 'theirs']));
      peer.send(signal({ ...rule, path }, 'uss', [3, '', 'mine']));
      const answered = bus.call(call);
      await peer.next(); // AddMatch
      peer.send(reply(decodeMessage(await peer.next()), '', []));
      await answered;
      assert.deepEqual(heard, [3]);
    });

    it('rejects with the name and the message of an error reply', async () => {
      await start();
      await hello();
      const called = bus.call(call);
      peer.send(error(decodeMessage(await peer.next()), 'x.y.Z', 'no such thing'));
      await assert.rejects(called, (failure) => failure instanceof BusError && failure.errorName === 'x.y.Z');
    });

    it('rejects a call that is not answered in time', async () => {
      await start();
      await failsWith(bus.call(call, 20), 'systemd-silent', /a\.b did not answer E in 20 ms/);
    });

    it('rejects pending and later calls when the bus hangs up', async () => {
      await start();
      await hello();
      const called = bus.call(call);
      await peer.next();
      peer.hangUp();
      await failsWith(called, 'no-systemd', /closed the connection|ECONNRESET/);
      await failsWith(bus.call(call), 'no-systemd', /./);
      assert.ok((await bus.closed) instanceof PodctlError);
    });

    it('names the socket when there is no bus', async () => {
      await start();
      bus.close();
      bus = connect('/nonexistent/bus');
      await failsWith(bus.call(call), 'no-systemd', /\/nonexistent\/bus.*ENOENT/);
    });

    it('repeats what a bus said that refuses authentication', async () => {
      await start('REJECTED EXTERNAL\r\n');
      await failsWith(bus.call(call), 'no-systemd', /"REJECTED EXTERNAL" to our authentication/);
    });

    it('gives up on a bus that does not speak D-Bus', async () => {
      await start();
      const called = bus.call(call);
      await hello();
      peer.send(Buffer.alloc(32, 0x5a));
      await failsWith(called, 'no-systemd', /not D-Bus/);
    });

    it('settles `closed` with undefined after close()', async () => {
      await start();
      bus.close();
      assert.equal(await bus.closed, undefined);
    });
  });

describe('bus address', () => {
  it('is the well-known socket unless the environment says otherwise', () => {
    assert.equal(systemBusSocket({}), '/run/dbus/system_bus_socket');
    assert.equal(systemBusSocket({ DBUS_SYSTEM_BUS_ADDRESS: 'unix:path=/x' }), '/x');
  });
  it('takes the first AF_UNIX socket, unescaped', () => {
    assert.equal(unixSocket('tcp:host=a,port=1;unix:guid=00,path=/a%20%c3%a9'), '/a é');
    assert.equal(unixSocket('unix:abstract=/tmp/x,guid=00'), '\0/tmp/x');
    assert.equal(unixSocket('tcp:host=a'), undefined);
  });
});
