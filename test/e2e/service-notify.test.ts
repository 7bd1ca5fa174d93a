/** What a unit of the user's and the apps of the pod in it say to each other: readiness, status, watchdog, reload, more time. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { busyboxAci } from '../fixtures/aci';
import { staticProgram } from '../fixtures/program';
import { output, until } from '../rig/rig';
import { OwnUnits } from '../rig/suite';
import { skip } from '../runner/skip';

const WEB = 't-web.service';
const SCRIPT = ['--exec=/bin/sh', '--', '-c'];

describe('what units and pods tell each other', () => {
  const own = new OwnUnits((rig) => {
    const say = { name: 'rootfs/bin/say', mode: 0o755, content: staticProgram('say') };
    return rig.write('say.aci', busyboxAci({ name: 'example.com/say', exec: ['/bin/true'], files: [say] }));
  });

  /** An app that says what it is told to, and runs this. */
  const notifying = (text: string, ...flags: readonly string[]): string[] => [
    own.image,
    '--ready=notify',
    ...flags,
    ...SCRIPT,
    text,
  ];
  const plain = (text: string, ...flags: readonly string[]): string[] => [own.image, ...flags, ...SCRIPT, text];
  const shows = (property: string, value: string, what: string): Promise<true> =>
    until(() => (own.units.show(WEB, property) === value ? true : undefined), what);

  it('is up when the app says so, and shows its status', async () => {
    own.units.pod(WEB, notifying('say "STATUS=warming up" -4 READY=1 -1000'));
    const start = own.units.systemctl('start', '--no-block', WEB);
    assert.equal(start.status, 0);
    await shows('StatusText', 'say: warming up', 'the status');
    assert.equal(own.units.show(WEB, 'ActiveState'), 'activating');
    await shows('ActiveState', 'active', 'READY=1');
  });

  it('does not let a unit give up while its own.image is fetched, and tells it what is going on', async () => {
    const bytes = fs.readFileSync(own.image);
    const half = Math.floor(bytes.length / 2);
    const server = http.createServer((_, response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': bytes.length });
      response.write(bytes.subarray(0, half));
      setTimeout(() => response.end(bytes.subarray(half)), 8000);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const url = `http://127.0.0.1:${port}/slow.aci`;
      own.units.pod(WEB, [url, ...SCRIPT, 'exec sleep 1000'], ['TimeoutStartSec=5']);
      own.units.systemctl('start', '--no-block', WEB);
      await until(
        () => (own.units.show(WEB, 'StatusText').startsWith(`fetching ${url}`) ? true : undefined),
        'the status',
      );
      await shows('ActiveState', 'active', 'the pod');
    } finally {
      server.close();
    }
  });

  it('lets a unit wait longer for an app that asks for it while it starts', () => {
    own.units.pod(WEB, notifying('say EXTEND_TIMEOUT_USEC=20000000 -7 READY=1 -1000'), ['TimeoutStartSec=5']);
    own.units.start(WEB);
    own.units.pod(WEB, notifying('say -1000'), ['TimeoutStartSec=2']);
    output('systemctl', 'stop', WEB);
    assert.notEqual(own.units.systemctl('start', WEB).status, 0);
    assert.equal(own.units.show(WEB, 'Result'), 'timeout');
  });

  it('keeps the watchdog content by itself, for apps that do not know of it', async () => {
    own.units.pod(WEB, plain('trap "exit 0" TERM; while :; do sleep 0.1; done'), ['WatchdogSec=4']);
    own.units.start(WEB);
    const at = (): string => own.units.show(WEB, 'WatchdogTimestampMonotonic');
    for (let beats = 0, last = at(); beats < 3; beats += 1) {
      const before = last;
      last = await until(() => (at() === before ? undefined : at()), 'the watchdog to be fed');
    }
    assert.equal(own.units.show(WEB, 'ActiveState'), 'active');
  });

  it('passes pings of apps on, and ends a pod at once whose app has pinged and no longer does', async () => {
    const text =
      'echo "every $WATCHDOG_USEC"; say READY=1 WATCHDOG=1 -1 WATCHDOG=1 -1 WATCHDOG=1; trap "" ABRT TERM; sleep 1000';
    own.units.pod(WEB, notifying(text), ['WatchdogSec=2', 'TimeoutAbortSec=30', 'TimeoutStopSec=30']);
    const started = Date.now();
    own.units.start(WEB);
    await shows('ActiveState', 'failed', 'the watchdog');
    assert.equal(own.units.show(WEB, 'Result'), 'watchdog');
    const lasted = (Date.now() - started) / 1000;
    assert.ok(lasted > 3 && lasted < 20, `${lasted} s`);
    assert.equal(own.units.show(WEB, 'ExecMainStatus'), '134');
    assert.match(own.units.journal(WEB), /^every 2000000$/m);
  });

  it('waits for every app that answers for itself', async () => {
    const good = 'say READY=1; while :; do say WATCHDOG=1; sleep 0.3; done';
    const bad = 'say READY=1 WATCHDOG=1; sleep 1000';
    own.units.pod(WEB, [...notifying(good, '--name=good'), '---', ...notifying(bad, '--name=bad')], ['WatchdogSec=2']);
    own.units.start(WEB);
    await shows('Result', 'watchdog', 'the watchdog');
  });

  it('reloads apps that catch SIGHUP or say by what, and no others', async () => {
    const loop = 'while :; do sleep 0.1; done';
    own.units.pod(
      WEB,
      [
        ...plain(`trap "echo first reloads" HUP; echo set; ${loop}`, '--name=first'),
        '---',
        ...plain(`trap "echo second reloads" USR1; echo set; ${loop}`, '--name=second', '--reload-signal=SIGUSR1'),
        '---',
        ...plain(`echo set; exec sleep 1000`, '--name=third'),
      ],
      ['ExecReload=kill -HUP $MAINPID'],
    );
    own.units.start(WEB);
    const said = (pattern: RegExp): number => own.units.journal(WEB).match(pattern)?.length ?? 0;
    await until(() => (said(/^set$/gm) === 3 ? true : undefined), 'the apps');
    assert.equal(own.units.systemctl('reload', WEB).status, 0);
    await until(() => (said(/^(first|second) reloads$/gm) === 2 ? true : undefined), 'both');
    assert.equal(own.units.show(WEB, 'ActiveState'), 'active');
    assert.equal(own.units.show(WEB, 'StatusText'), '3/3 apps running');
  });

  it('says that nothing was reloaded, and ends nothing', async () => {
    own.units.pod(WEB, plain('exec sleep 1000'), ['ExecReload=kill -HUP $MAINPID']);
    own.units.start(WEB);
    assert.equal(own.units.systemctl('reload', WEB).status, 0);
    await until(() => (/nothing was reloaded/.test(own.units.journal(WEB)) ? true : undefined), 'the warning');
    assert.equal(own.units.show(WEB, 'ActiveState'), 'active');
  });

  it('is reloading for as long as an app says that it is', async () => {
    const text = 'trap "say RELOADING=1 -2 READY=1" HUP; say READY=1; while :; do sleep 0.1; done';
    own.units.pod(WEB, notifying(text), ['ExecReload=kill -HUP $MAINPID']);
    own.units.start(WEB);
    output('systemctl', 'kill', '--signal=HUP', '--kill-whom=main', WEB);
    await shows('ActiveState', 'reloading', 'RELOADING=1');
    await shows('ActiveState', 'active', 'READY=1');
  });

  it('is told to reload by systemd itself, and tells when it has, with Type=notify-reload', async function () {
    const version = Number(/^systemd (\d+)/.exec(output('systemctl', '--version'))?.[1]);
    if (version < 253) skip(this, `systemd ${version} has no Type=notify-reload (253 has)`);
    const text = 'trap "say RELOADING=1; echo reloads; say READY=1" HUP; say READY=1; while :; do sleep 0.1; done';
    own.units.pod(WEB, notifying(text), ['Type=notify-reload', 'TimeoutStartSec=5']);
    own.units.start(WEB);
    for (let times = 1; times <= 3; times += 1) {
      const reload = own.units.systemctl('reload', WEB);
      assert.equal(reload.status, 0, reload.stderr);
      assert.equal(own.units.show(WEB, 'ReloadResult'), 'success');
    }
    await until(() => (/^reloads$/m.test(own.units.journal(WEB)) ? true : undefined), 'the app');
    await shows('ActiveState', 'active', 'the end of its own reload');
    assert.doesNotMatch(own.units.journal(WEB), /timed out/);
    output('systemctl', 'stop', WEB);
    own.units.pod(WEB, plain('exec sleep 1000'), ['Type=notify-reload', 'TimeoutStartSec=5']);
    own.units.start(WEB);
    assert.equal(own.units.systemctl('reload', WEB).status, 0);
    assert.match(own.units.journal(WEB), /nothing was reloaded/);
    assert.equal(own.units.show(WEB, 'ActiveState'), 'active');
  });

  it('starts own.units behind it once it is ready, and stops them before it', async () => {
    own.units.pod(
      WEB,
      notifying('trap "say -1; echo down; exit 0" TERM; say -2; echo up; say READY=1; while :; do sleep 0.1; done'),
    );
    const idle = 'trap "echo other down; exit 0" TERM; echo other up; while :; do sleep 0.1; done';
    own.units.pod('t-other.service', plain(idle), [], [`After=${WEB}`, `Requires=${WEB}`]);
    own.units.start('t-other.service');
    const said = (): string => own.units.journal('t-other.service');
    await until(() => (/^other up$/m.test(said()) ? true : undefined), 'the other');
    output('systemctl', 'stop', WEB);
    const lines = own.units.journal(WEB, '-u', 't-other.service').split('\n');
    assert.deepEqual(
      lines.filter((line) => /^(other )?(up|down)$/.test(line)),
      ['up', 'other up', 'other down', 'down'],
    );
  });

  it('ends when RuntimeMaxSec= is over, freezes and thaws with its unit, and takes signals by systemctl kill', async () => {
    own.units.pod(WEB, plain('trap "echo asked; exit 0" TERM; while :; do sleep 0.1; done'), ['RuntimeMaxSec=2']);
    own.units.start(WEB);
    await shows('ActiveState', 'failed', 'the end');
    assert.equal(own.units.show(WEB, 'Result'), 'timeout');
    assert.match(own.units.journal(WEB), /^asked$/m);
    own.units.pod(WEB, plain('trap "echo usr" USR1; while :; do echo beat; sleep 0.05; done'));
    own.units.start(WEB);
    output('systemctl', 'freeze', WEB);
    assert.equal(own.units.show(WEB, 'FreezerState'), 'frozen');
    const beats = (): number => own.units.journal(WEB).match(/^beat$/gm)?.length ?? 0;
    const frozen = beats();
    assert.equal(beats(), frozen);
    output('systemctl', 'thaw', WEB);
    await until(() => (beats() > frozen ? true : undefined), 'a beat');
    output('systemctl', 'kill', '--signal=USR1', WEB);
    await until(() => (/^usr$/m.test(own.units.journal(WEB)) ? true : undefined), 'the signal');
    assert.equal(own.units.show(WEB, 'ActiveState'), 'active');
    output('systemctl', 'freeze', WEB);
    own.rig.ok('stop', 't-web');
    assert.equal(own.units.show(WEB, 'ActiveState'), 'inactive');
  });
});
