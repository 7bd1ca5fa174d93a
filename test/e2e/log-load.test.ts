/** Apps that write much, lines that are long or odd, and a journal that is restarted, killed, stopped, or takes nothing. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import { busyboxAci } from '../fixtures/aci';
import { command, needsHost, output, Rig, type Running, until } from '../rig/rig';

const sh = (script: string): readonly string[] => ['--exec=/bin/sh', '--', '-c', script];
const lines = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '');
const journald = (): number =>
  Number(output('systemctl', 'show', '--value', '-p', 'MainPID', 'systemd-journald').trim());
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('logs under load', function () {
  this.timeout(120_000);
  let rig: Rig;
  let image: string;

  before(function () {
    needsHost(this);
    rig = new Rig();
    image = rig.write('load.aci', busyboxAci({ name: 'example.com/load' }));
  });
  after(() => rig?.dispose());

  const app = (name: string, script: string): readonly string[] => [image, `--name=${name}`, ...sh(script), '---'];
  const run = (...apps: readonly (readonly string[])[]): string =>
    rig
      .ok('--insecure-options=image', 'run', '--detach', '--net=none', '--exit-policy=all', ...apps.flat().slice(0, -1))
      .trim();
  const shown = (pod: string, name: string): readonly string[] =>
    lines(rig.ok('logs', '-o', 'cat', `--app=${name}`, pod));
  const numbers = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => String(index + 1));
  const follow = (pod: string): void => void rig.ok('logs', '-f', '-n', '0', pod);
  const events = (pod: string, ...types: readonly string[]): readonly { app: string; bytes: number }[] =>
    lines(rig.ok('events', '--format=json', `--pod=${pod}`, ...types.map((type) => `--event=${type}`))).map((line) =>
      JSON.parse(line),
    );

  it('has every line of an app that writes far more than the limit of journald', () => {
    const pod = run(app('flood', 'seq 1 40000'));
    follow(pod);
    const seen = shown(pod, 'flood');
    assert.equal(seen.length, 40_000, `the last one is ${seen.at(-1)}`);
    assert.deepEqual(seen, numbers(40_000));
  });

  it('has every line of fifty chatty apps', () => {
    const names = Array.from({ length: 50 }, (_, index) => `chat${index}`);
    const pod = run(...names.map((name) => app(name, 'seq 1 100')));
    follow(pod);
    for (const name of names) assert.deepEqual(shown(pod, name), numbers(100), name);
  });

  it('an app that never stops writing hinders no other', () => {
    const pod = run(
      app('flood', 'exec yes "as much as it can, and more than anybody takes"'),
      app('calm', 'for i in $(seq 1 50); do echo $i; sleep 0.01; done'),
    );
    rig.ok('status', pod);
    // The calm app is through although the other one fills all that there is to be filled.
    const began = Date.now();
    while (events(pod, 'app-exited').length === 0 && Date.now() - began < 30_000);
    assert.deepEqual(
      events(pod, 'app-exited').map(({ app }) => app),
      ['calm'],
    );
    rig.ok('stop', '--force', pod);
    output('journalctl', '--sync');
    assert.deepEqual(shown(pod, 'calm'), numbers(50));
  });

  it('a pod that is over before journald has looked is known to have said what it said', async () => {
    const stopped = journald();
    let running: Running | undefined;
    const uuid = `${rig.root}/early.uuid`;
    process.kill(stopped, 'SIGSTOP');
    try {
      const words = ['run', '--net=none', `--uuid-file-save=${uuid}`, ...app('web', 'echo said; echo more >&2')];
      running = rig.start('--insecure-options=image', ...words.slice(0, -1));
      await once(running.child.stdout ?? running.child, 'data');
      await pause(300); // all that a pod's end takes, and more
    } finally {
      process.kill(stopped, 'SIGCONT');
    }
    await running.ended;
    output('journalctl', '--sync');
    const pod = fs.readFileSync(uuid, 'utf8').trim();
    assert.deepEqual([...shown(pod, 'web')].sort(), ['more', 'said']);
    const known = lines(output('journalctl', '-o', 'cat', '-t', 'web', `POD_UUID=${pod}`));
    assert.deepEqual([...known].sort(), ['more', 'said']);
  });

  it('keeps long lines, odd bytes, and a last line without an end', () => {
    const pod = run(
      app('long', 'head -c 1000000 /dev/zero | tr "\\0" x; echo; echo after'),
      app('odd', 'printf "\\377\\376\\001\\033[1m\\n"; printf "left\\0right\\n"; printf "no end"'),
    );
    follow(pod);
    const entries = (name: string): readonly (string | number[])[] =>
      lines(rig.ok('logs', '-o', 'json', `--app=${name}`, pod)).map(
        (line) => (JSON.parse(line) as { MESSAGE: string }).MESSAGE,
      );
    const long = entries('long');
    assert.equal(long.at(-1), 'after');
    assert.equal(long.slice(0, -1).join(''), 'x'.repeat(1_000_000));
    assert.deepEqual(entries('odd'), [[255, 254, 1, 27, 91, 49, 109], 'left', 'right', 'no end']);
  });

  it('survives restarts of journald, also by force', async () => {
    const pod = run(app('web', 'for i in $(seq 1 400); do echo $i; sleep 0.01; done'));
    await pause(500);
    output('systemctl', 'restart', 'systemd-journald');
    await pause(500);
    const before = journald();
    process.kill(before, 'SIGKILL');
    await until(() => (![0, before].includes(journald()) ? true : undefined), 'journald');
    follow(pod);
    const kept = shown(pod, 'web');
    // What the killed one had read, and not yet stored, is gone with it.
    assert.ok(kept.length >= 395, `${kept.length} lines`);
    assert.deepEqual(
      kept,
      numbers(400).filter((line) => kept.includes(line)),
    );
    assert.equal(kept.at(-1), '400');
    assert.deepEqual(events(pod, 'output-lost'), []);
  });

  it('a pod goes on while journald is stopped, speaks to it when it is back, and tells what was lost, if anything', async () => {
    const sockets = ['systemd-journald.socket', 'systemd-journald-dev-log.socket', 'systemd-journald-audit.socket'];
    const pod = run(app('web', 'i=0; while [ ! -e /tmp/enough ]; do i=$((i+1)); echo $i; sleep 0.02; done'));
    await pause(300);
    const before = shown(pod, 'web').length;
    // About 50 lines are written meanwhile. Newer systemds keep them (FileDescriptorStorePreserve=): then none may be missing.
    const hasAll = (): boolean => {
      const seen = shown(pod, 'web');
      return seen.length > before + 20 && seen.every((line, index) => line === String(index + 1));
    };
    try {
      command(['systemctl', 'stop', 'systemd-journald', ...sockets]);
      await pause(1000);
      assert.match(rig.ok('status', pod), /^state=running$/m);
    } finally {
      command(['systemctl', 'start', 'systemd-journald.socket', 'systemd-journald-dev-log.socket', 'systemd-journald']);
    }
    await until(() => (events(pod, 'output-lost').length > 0 || hasAll() ? true : undefined), 'the entry');
    rig.ok('enter', pod, 'touch', '/tmp/enough');
    follow(pod);
    const seen = shown(pod, 'web').map(Number);
    assert.ok(
      seen.every((number, index) => index === 0 || number > (seen[index - 1] ?? 0)),
      'in order, and none twice',
    );
    const [loss] = events(pod, 'output-lost');
    if (hasAll()) return assert.equal(loss, undefined);
    assert.ok(loss !== undefined && loss.bytes > 20, JSON.stringify(loss));
  });

  it('a journal that takes nothing holds up neither the foreground, nor a stop, nor the init’s memory', async () => {
    const flood = app('flood', 'trap "exit 0" TERM; while :; do echo "much to say, again and again"; done');
    const calm = app('calm', 'trap "exit 0" TERM; while :; do echo calm; sleep 0.1; done');
    const uuid = `${rig.root}/stuck.uuid`;
    const stopped = journald();
    let running: Running | undefined;
    let seen = '';
    try {
      const words = ['--net=none', '--stop-timeout=2s', `--uuid-file-save=${uuid}`, ...flood, ...calm].slice(0, -1);
      running = rig.start('--insecure-options=image', 'run', ...words);
      running.child.stdout?.on('data', (piece: Buffer) => (seen = (seen + piece.toString()).slice(-1_000_000)));
      await until(() => (seen.includes('calm') && seen.includes('again') ? true : undefined), 'output');
      process.kill(stopped, 'SIGSTOP');
      // Both streams are full by now; from five seconds later on the caller gets all there is.
      await pause(6500);
      seen = '';
      await until(
        () => (seen.includes('calm') && seen.includes('again') ? true : undefined),
        'output without a journal',
      );
      const pid = fs.readFileSync(`${rig.dataDir}/pods/run/${fs.readFileSync(uuid, 'utf8').trim()}/pid`, 'utf8').trim();
      const pss = /^Pss:\s+(\d+) kB$/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
      assert.ok(Number(pss) < 512, `${pss} KiB`);
      const began = Date.now();
      running.child.kill('SIGTERM');
      await running.ended;
      assert.ok(Date.now() - began < 8000, `${Date.now() - began} ms`);
    } finally {
      process.kill(stopped, 'SIGCONT');
    }
    const pod = fs.readFileSync(uuid, 'utf8').trim();
    assert.match(rig.ok('status', pod), /^state=exited$/m);
  });
});
