/**
 * Reboots and power cuts, driven from the machine: what a pod and a store are after them. The power is cut in the middle of
 * `fetch`, `prepare` and `run`, a share of the time they take behind their beginning.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { busyboxAci, imageIdOf } from '../../fixtures/aci';

const VM = path.resolve(__dirname, '../../../../test/vm/vm');
const PODCTL = path.resolve(__dirname, '../../../podctl');
const NAME = `--name=${process.env['PODCTL_TEST_VM'] ?? 'power'}`;
const IMAGE = '/var/lib/podctl-test.aci';
/** Milliseconds: a boot on a busy machine, emulated. */
const TIMEOUT = 600_000;

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function vm(verb: string, args: readonly string[] = [], input = ''): Ended {
  const { status, stdout, stderr, error } = spawnSync(VM, [verb, NAME, ...args], {
    input,
    encoding: 'utf8',
    timeout: TIMEOUT,
    maxBuffer: 1 << 28,
  });
  if (error !== undefined) throw error;
  return { status, stdout, stderr };
}

const inside = (...argv: readonly string[]): Ended => vm('exec', ['--', ...argv]);

/** stdout of a command inside that must succeed. */
function ok(...argv: readonly string[]): string {
  const { status, stdout, stderr } = inside(...argv);
  assert.equal(status, 0, `${argv.join(' ')}: ${stderr}`);
  return stdout;
}

const podctl = (...args: readonly string[]): string => ok('podctl', '--insecure-options=image', ...args);
const stateOf = (uuid: string): string | undefined => /^state=(.*)$/m.exec(podctl('status', uuid))?.[1];

describe('a machine that goes down', function () {
  this.timeout(TIMEOUT);
  // Big enough for a fetch to take a while.
  const noise = Buffer.alloc(16 << 20, 'podctl');
  const aci = busyboxAci({
    name: 'example.com/power',
    exec: ['/bin/echo', 'whole'],
    files: [{ name: 'rootfs/noise', content: noise }],
  });

  before(() => {
    const copied = spawnSync(VM, ['exec', NAME, '--', 'sh', '-c', `cat >${IMAGE} && sync`], { input: aci });
    assert.equal(copied.status, 0, String(copied.stderr));
  });
  after(() => {
    vm('down');
  });

  /** A service of the user's that runs a pod from boot on. @param unit more of its [Unit] section */
  function enable(name: string, unit: string): void {
    const run = `run --net=none ${IMAGE} --exec=/bin/sh -- -c "trap 'exit 0' TERM; while :; do sleep 1; done"`;
    const text = `[Unit]\n${unit}\n[Service]\nType=notify\nDelegate=yes\nKillMode=mixed\nTimeoutStartSec=300\nExecStart=${PODCTL} --insecure-options=image ${run}\n[Install]\nWantedBy=multi-user.target\n`;
    const written = vm('exec', ['--', 'sh', '-c', `cat >/etc/systemd/system/${name} && sync`], text);
    assert.equal(written.status, 0, written.stderr);
    ok('systemctl', 'enable', '--now', name);
  }

  it('reboot: pods of enabled services come up, after those that they need, and have gone down before them', async () => {
    enable('t-db.service', 'Description=a pod');
    enable('t-web.service', 'Requires=t-db.service\nAfter=t-db.service');
    const rebooted = vm('reboot');
    assert.equal(rebooted.status, 0, rebooted.stderr);
    for (let state = ''; state !== 'active'; ) {
      state = inside('systemctl', 'show', '--value', '-p', 'ActiveState', 't-web.service').stdout.trim();
      assert.notEqual(state, 'failed', inside('journalctl', '-b', '-u', 't-web.service').stdout);
    }
    const pods = JSON.parse(podctl('list', '--format=json')) as { unit: string; state: string }[];
    const running = pods.filter(({ state }) => state === 'running').map(({ unit }) => unit);
    assert.deepEqual(running.sort(), ['t-db.service', 't-web.service']);
    // Those of before the reboot have given way to them.
    assert.equal(pods.length, 2);
    const told = (boot: string): readonly string[] =>
      ok('journalctl', `--boot=${boot}`, '-o', 'cat', '-u', 't-db.service', '-u', 't-web.service').split('\n');
    const [before, now] = [told('-1'), told('0')];
    const at = (lines: readonly string[], start: string): number =>
      lines.findLastIndex((line) => line.startsWith(start));
    assert.ok(at(now, 'Started t-db') < 0 || at(now, 'Started t-db') < at(now, 'Starting t-web'), now.join('\n'));
    const [down, asked] = [at(before, 'Stopped t-web'), at(before, 'Stopping t-db')];
    assert.ok(down >= 0 && asked > down, before.join('\n'));
    ok('systemctl', 'disable', '--now', 't-web.service', 't-db.service');
    podctl('gc', '--grace-period=0');
  });

  it('reboot: a prepared pod runs afterwards, one that ran has exited, and gc collects it', () => {
    const prepared = podctl('prepare', IMAGE).trim();
    const running = podctl('run', '--net=none', '--detach', IMAGE, '--exec=/bin/sleep', '--', '1000').trim();
    assert.equal(stateOf(running), 'running');
    const before = ok('cat', '/proc/sys/kernel/random/boot_id');
    const { status, stderr } = vm('reboot');
    assert.equal(status, 0, stderr);
    assert.notEqual(ok('cat', '/proc/sys/kernel/random/boot_id'), before);
    assert.equal(stateOf(running), 'exited');
    assert.equal(stateOf(prepared), 'prepared');
    assert.equal(podctl('run-prepared', '--net=none', prepared), 'whole\n');
    podctl('gc', '--grace-period=0');
    podctl('gc', '--grace-period=0');
    assert.equal(podctl('list', '--no-legend'), '');
    assert.equal(ok('find', '/var/lib/podctl/pods', '-mindepth', '2'), '');
  });

  /** Lines of a command inside, until the machine is off. */
  function start(script: string): {
    readonly line: (text: string) => Promise<number>;
    readonly ended: Promise<unknown>;
  } {
    const child = spawn(VM, ['exec', NAME, '--', 'sh', '-c', script], { stdio: ['ignore', 'pipe', 'pipe'] });
    const waiting = new Map<string, (at: number) => void>();
    const seen = new Map<string, number>();
    createInterface({ input: child.stdout }).on('line', (line) => {
      seen.set(line, performance.now());
      waiting.get(line)?.(performance.now());
    });
    const line = (text: string): Promise<number> =>
      new Promise((resolve, reject) => {
        const at = seen.get(text);
        if (at !== undefined) resolve(at);
        waiting.set(text, resolve);
        child.on('close', () => reject(new Error(`it ended before it said ${text}`)));
      });
    return { line, ended: new Promise((resolve) => child.on('close', resolve)) };
  }

  const P = 'podctl --insecure-options=image';
  const CUTS = [
    ['fetch', `${P} fetch ${IMAGE}`, `${P} image rm example.com/power; rm -rf /var/lib/podctl/sources`, 0.5],
    [
      'fetch, near its end',
      `${P} fetch ${IMAGE}`,
      `${P} image rm example.com/power; rm -rf /var/lib/podctl/sources`,
      0.85,
    ],
    ['prepare', `${P} prepare ${IMAGE}`, ':', 0.7],
    ['run', `${P} run --net=none ${IMAGE}`, ':', 0.7],
  ] as const;
  for (const [name, work, undo, share] of CUTS) {
    it(`power cut in the middle of ${name}: the same succeeds afterwards, and nothing half is left`, async () => {
      const say = (word: string) => `echo ${word}`;
      const { line, ended } = start(
        [
          `{ ${work}; ${undo}; } >&2`,
          say('first'),
          `${work} >&2`,
          say('took'),
          `{ ${undo}; } >&2`,
          say('second'),
          `${work} >&2`,
        ].join(' && '),
      );
      const duration = -(await line('first')) + (await line('took'));
      await line('second');
      await new Promise((resolve) => setTimeout(resolve, duration * share));
      const cut = vm('power-cut');
      assert.equal(cut.status, 0, cut.stderr);
      await ended;

      podctl('list');
      podctl('fetch', IMAGE);
      const images = podctl('image', 'list', '--full', '--no-legend').trim().split('\n');
      assert.equal(images.length, 1, images.join('\n'));
      assert.ok(images[0]?.includes(imageIdOf(aci)), images[0]);
      assert.equal(podctl('run', '--net=none', IMAGE, '--exec=/bin/md5sum', '--', '/noise'), md5sum(noise));
      const prepared = podctl('prepare', IMAGE).trim();
      assert.equal(podctl('run-prepared', '--net=none', prepared), 'whole\n');
      podctl('gc', '--grace-period=0', '--expire-prepared=0');
      podctl('gc', '--grace-period=0', '--expire-prepared=0');
      assert.equal(podctl('list', '--no-legend'), '');
      assert.equal(ok('sh', '-c', 'ls -A /var/lib/podctl/tmp 2>/dev/null; true'), '');
      assert.equal(ok('systemctl', 'list-units', '--failed', '--plain', '--no-legend'), '');
    });
  }
});

/** What md5sum of busybox prints for /noise. */
function md5sum(content: Buffer): string {
  const { stdout } = spawnSync('md5sum', { input: content, encoding: 'utf8' });
  return `${stdout.split(' ')[0]}  /noise\n`;
}
