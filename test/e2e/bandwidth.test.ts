/** resource/network-bandwidth in a network namespace with a real interface: what passes is measured on the other end. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { busyboxAci } from '../fixtures/aci';
import { staticProgram } from '../fixtures/program';
import { command, needsHost, output, Rig } from '../rig/rig';
import { skip } from '../runner/skip';

/** Bytes per second. */
const RATE = 500_000;
/** Whole packets count, with their headers, of which the receiver sees the payload. */
const TOLERANCE = 0.15;
/** Long enough for the bucket, which is full at first, not to matter. */
const SECONDS = 8;
const HOST = '192.0.2.1';
const POD = '192.0.2.2';
const NS = 'podctl-slow';

describe('network bandwidth', () => {
  let rig: Rig;
  let program = '';
  let canPolice = false;
  const ip = (...args: readonly string[]): string => output('ip', ...args);

  before(function () {
    needsHost(this);
    rig = new Rig();
    program = rig.write('udp', staticProgram('udp'));
    fs.chmodSync(program, 0o755);
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
        files: [{ name: 'rootfs/bin/udp', mode: 0o755, content: fs.readFileSync(program) }],
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
    const counter = udp('count', '5001', String(SECONDS));
    await counter.ready;
    const { status, stderr } = await run(`udp send ${HOST} 5001 ${RATE * 2} ${SECONDS + 2}`).ended;
    assert.equal(status, 0, stderr);
    assertNearRate(await counter.rate);
    assert.match(qdiscs(), /tbf.*dev eth0/);
  });

  it('holds for what the pod receives, within 15 %', async function () {
    if (!canPolice) skip(this, 'this kernel has no act_police');
    const { child, ended } = run(`udp count 5002 ${SECONDS}`);
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    const sender = udp('send', POD, '5002', String(RATE * 2), String(SECONDS + 2));
    const { stdout, stderr } = await ended;
    await sender.ready;
    const [, rate] = stdout.split('\n');
    assert.ok(rate !== undefined && rate !== '', stderr);
    assertNearRate(Number(rate));
  });

  it('never holds for lo (N3)', async function () {
    if (!canPolice) skip(this, 'this kernel has no act_police');
    const send = `udp send 127.0.0.1 5003 ${RATE * 4} ${SECONDS + 2}`;
    const { stdout, stderr } = await run(`udp count 5003 ${SECONDS} & sleep 1; ${send}; wait`).ended;
    assert.ok(Number(stdout.split('\n')[1]) > RATE * 2, stdout + stderr);
  });

  /** The program on this side. `ready`: its first word, or its end; `rate`: what it counted. */
  function udp(...args: readonly string[]): { ready: Promise<unknown>; rate: Promise<number> } {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let stdout = '';
    child.stdout.on('data', (piece) => (stdout += String(piece)));
    const closed = new Promise((resolve) => child.once('close', resolve));
    const ready = Promise.race([new Promise((resolve) => child.stdout.once('data', resolve)), closed]);
    return { ready, rate: closed.then(() => Number(stdout.split('\n')[1])) };
  }
});
