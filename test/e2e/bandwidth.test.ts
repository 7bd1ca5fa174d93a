/** resource/network-bandwidth in a network namespace with a real interface: what passes is measured on the other end. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import dgram from 'node:dgram';
import net from 'node:net';
import { busyboxAci } from '../fixtures/aci';
import { command, needsHost, output, Rig } from '../rig/rig';
import { skip } from '../runner/skip';

/** Bytes per second. */
const RATE = 500_000;
/** Whole packets count, with their headers, of which the receiver sees the payload. */
const TOLERANCE = 0.15;
const HOST = '192.0.2.1';
const POD = '192.0.2.2';
const NS = 'podctl-slow';

describe('network bandwidth', () => {
  let rig: Rig;
  let canPolice = false;
  const ip = (...args: readonly string[]): string => output('ip', ...args);

  before(function () {
    needsHost(this);
    rig = new Rig();
    ip('netns', 'add', NS);
    ip('link', 'add', 'pslow0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', NS);
    ip('addr', 'add', `${HOST}/24`, 'dev', 'pslow0');
    ip('link', 'set', 'pslow0', 'up');
    ip('-n', NS, 'addr', 'add', `${POD}/24`, 'dev', 'eth0');
    ip('-n', NS, 'link', 'set', 'eth0', 'up');
    ip('-n', NS, 'link', 'set', 'lo', 'up');
    canPolice = knowsPolicing();
  });
  after(() => {
    rig?.dispose();
    spawnSync('ip', ['link', 'del', 'pslow0']);
    spawnSync('ip', ['netns', 'del', NS]);
  });

  /** Whether this kernel has what limits what comes in: tried on an interface that nothing depends on. */
  function knowsPolicing(): boolean {
    const inside = (...args: string[]) => command(['ip', 'netns', 'exec', NS, 'tc', ...args]).status === 0;
    const known =
      inside('qdisc', 'add', 'dev', 'lo', 'ingress') &&
      inside(...'filter add dev lo parent ffff: matchall action police rate 1mbit burst 10k drop'.split(' '));
    inside('qdisc', 'del', 'dev', 'lo', 'ingress');
    return known;
  }

  const image = (): string =>
    rig.write(
      'slow.aci',
      busyboxAci({
        name: 'example.com/slow',
        exec: ['/bin/sh'],
        app: { isolators: [{ name: 'resource/network-bandwidth', value: { default: true, limit: RATE } }] },
      }),
    );
  const run = (script: string) =>
    rig.start('--insecure-options=image', 'run', `--net=ns:/run/netns/${NS}`, image(), '--', '-c', script);
  const qdiscs = (): string => output('ip', 'netns', 'exec', NS, 'tc', 'qdisc', 'show');
  const assertNearRate = (rate: number): void =>
    assert.ok(
      rate < RATE * (1 + TOLERANCE) && rate > RATE * (1 - TOLERANCE),
      `${Math.round(rate)} bytes/s for ${RATE}`,
    );

  it('is refused, with what is missing, where the kernel cannot police', async function () {
    if (canPolice) skip(this, 'this kernel can');
    const { status, stderr } = await run('echo never').ended;
    assert.equal(status, 254);
    assert.match(stderr, /bandwidth.*act_police/);
  });

  it('holds for what the pod sends, within 15 %', async function () {
    if (!canPolice) skip(this, 'this kernel has no act_police');
    const arrivals: [ms: number, bytes: number][] = [];
    const server = net.createServer((socket) => {
      socket.on('data', (piece) => arrivals.push([performance.now(), piece.length]));
      socket.on('error', () => socket.destroy());
    });
    await new Promise<void>((resolve) => server.listen(5001, HOST, resolve));
    const { ended } = run(`head -c ${RATE * 6} /dev/zero | nc ${HOST} 5001`);
    const { status, stderr } = await ended;
    await new Promise<void>((resolve) => server.close(() => resolve()));
    assert.equal(status, 0, stderr);
    assert.match(qdiscs(), /tbf.*dev eth0|dev eth0.*tbf/);
    assertNearRate(steadyRate(arrivals));
  });

  it('holds for what the pod receives, within 15 %, and never for lo', async function () {
    if (!canPolice) skip(this, 'this kernel has no act_police');
    const { child, ended } = run(`nc -u -l -p 5002 -w 3 >/tmp/got & nc -l -p 5003 </dev/null >/tmp/local & sleep 1
      head -c ${RATE * 20} /dev/zero | nc 127.0.0.1 5003; echo ready; sleep 9; kill %1; wc -c </tmp/got; wc -c </tmp/local`);
    await new Promise<void>((resolve) => child.stdout?.once('data', () => resolve()));
    const seconds = 5;
    await flood(RATE * 3, seconds);
    const { stdout, stderr } = await ended;
    const [, got, local] = stdout.trim().split('\n').map(Number);
    assert.equal(local, RATE * 20, stderr);
    assertNearRate(Number(got) / seconds);
  });

  /** Sends datagrams to the pod at `rate` bytes per second for some seconds. */
  async function flood(rate: number, seconds: number): Promise<void> {
    const socket = dgram.createSocket('udp4');
    const piece = Buffer.alloc(1400);
    const started = performance.now();
    let sent = 0;
    for (let now = 0; now < seconds * 1000; now = performance.now() - started) {
      while (sent < (now / 1000) * rate) {
        socket.send(piece, 5002, POD);
        sent += piece.length;
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    socket.close();
  }

  /** Without the first second, in which the bucket is still full, and the last piece. */
  function steadyRate(arrivals: readonly (readonly [ms: number, bytes: number])[]): number {
    const first = arrivals[0]?.[0] ?? 0;
    const steady = arrivals.filter(([ms]) => ms > first + 1000);
    const span = (steady.at(-1)?.[0] ?? 0) - (steady[0]?.[0] ?? 0);
    return steady.slice(1).reduce((sum, [, bytes]) => sum + bytes, 0) / (span / 1000);
  }
});
