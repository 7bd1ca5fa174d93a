/** systemctl -M POD and loginctl -M POD: a pod's apps as units, and no logins, through the bus façade, with the real tools. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { busyboxAci } from '../fixtures/aci';
import { command, needsHost, type Outcome, output, Rig, until } from '../rig/rig';
import { skip } from '../runner/skip';

const LOOP = 'trap "exit 0" TERM; while :; do sleep 0.05; done';

describe('systemctl -M', () => {
  let rig: Rig;

  before(function () {
    needsHost(this);
    if (command(['sh', '-c', 'command -v machinectl']).status !== 0) skip(this, 'systemd-container is not installed');
    rig = new Rig();
    const image = (name: string, exec: string[]): string =>
      rig.write(`${name}.aci`, busyboxAci({ name: `example.com/${name}`, exec }));
    const loop = image('loop', ['/bin/sh', '-c', LOOP]);
    const insecure = '--insecure-options=image';
    const images = [loop, '--name=web', loop, '--name=db'];
    rig.ok(insecure, 'run', '--detach', '--net=none', '--name=shop', '--exit-policy=all', ...images);
  });
  after(() => rig?.dispose());

  const systemctl = (...args: string[]): Outcome => command(['systemctl', '--no-pager', '-M', 'shop', ...args]);
  const ok = (...args: string[]): string => {
    const { status, stdout, stderr } = systemctl(...args);
    assert.equal(status, 0, `systemctl ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const appState = (name: string): string | undefined =>
    (JSON.parse(rig.ok('status', 'shop', '--format=json')) as { apps: { name: string; state: string }[] }).apps.find(
      (app) => app.name === name,
    )?.state;

  it('list-units, list-unit-files, is-active and is-system-running', () => {
    const units = ok('list-units', '--plain', '--no-legend');
    assert.match(units, /^web\.service\s+loaded active running/m);
    assert.match(units, /^db\.service\s+loaded active running/m);
    assert.equal(ok('list-units', '--plain', '--no-legend', 'w*').trim().split('\n').length, 1);
    assert.match(ok('list-unit-files', '--no-legend'), /web\.service\s+transient/);
    assert.equal(ok('is-active', 'web').trim(), 'active');
    assert.equal(ok('is-system-running').trim(), 'running');
    assert.match(ok('list-jobs'), /No jobs/);
  });

  it('status and show tell state, time, main process, cgroup and processes', () => {
    const status = ok('status', 'web');
    assert.match(status, /web\.service - app web[\s\S]*Active: active \(running\) since/);
    assert.match(status, /Main PID: \d+[\s\S]*CGroup: \/machine\.slice\/podctl-.*\/apps\/app-web\n[\s\S]*trap/);
    assert.match(ok('show', '-p', 'MainPID,Result,SubState', 'web'), /MainPID=[1-9]\d*/);
    assert.match(ok('status'), /State: running[\s\S]*Units: 2/);
  });

  it('stop, start and restart act on one app, and wait for it', async () => {
    ok('stop', 'web');
    assert.equal(appState('web'), 'exited');
    assert.equal(appState('db'), 'running');
    assert.equal(systemctl('is-active', 'web').stdout.trim(), 'inactive');
    ok('start', 'web');
    assert.equal(appState('web'), 'running');
    const pid = ok('show', '--value', '-p', 'MainPID', 'web');
    ok('restart', 'web', 'db');
    assert.notEqual(ok('show', '--value', '-p', 'MainPID', 'web'), pid);
    assert.equal(appState('db'), 'running');
    // Nobody waits for this one, and it is done all the same.
    ok('stop', '--no-block', 'web');
    await until(() => (appState('web') === 'exited' ? true : undefined), 'the app to stop');
    ok('start', 'web');
  });

  it('restart of the only app leaves the pod up', () => {
    const image = `${rig.root}/loop.aci`;
    rig.ok('--insecure-options=image', 'run', '--detach', '--net=none', '--name=single', image);
    for (let i = 0; i < 3; i++) output('systemctl', '-M', 'single', 'restart', 'loop');
    assert.match(rig.ok('list'), /single.*running/);
    rig.ok('stop', 'single');
  });

  it('kill signals an app’s processes, and a failed app is shown as one', async () => {
    ok('kill', '--signal=KILL', 'db');
    await until(() => (appState('db') === 'exited' ? true : undefined), 'the app to end');
    assert.equal(systemctl('is-failed', 'db').stdout.trim(), 'failed');
    assert.match(systemctl('status', 'db').stdout, /Active: failed \(Result: signal\)/);
    assert.equal(systemctl('is-system-running').stdout.trim(), 'degraded');
    ok('start', 'db');
    assert.equal(systemctl('is-system-running').stdout.trim(), 'running');
  });

  it('refuses what a pod has not, with reasons', () => {
    const refusal = (...args: string[]): string => {
      const { status, stderr } = systemctl(...args);
      assert.notEqual(status, 0, args.join(' '));
      return stderr;
    };
    assert.match(refusal('start', 'nobody'), /nobody\.service: the pod has no such app/);
    assert.match(refusal('enable', 'web'), /a pod's apps can be listed/);
    assert.match(refusal('daemon-reload'), /a pod's apps can be listed/);
    const run = command(['systemd-run', '-M', 'shop', '/bin/true']);
    assert.match(run.stderr, /podctl enter runs other commands/);
  });

  it('loginctl lists no sessions, users and seats, and says so of one that is named', () => {
    const loginctl = (...args: string[]): Outcome => command(['loginctl', '--no-pager', '-M', 'shop', ...args]);
    const lists = { 'list-sessions': 'sessions', 'list-users': 'users', 'list-seats': 'seats' };
    for (const [verb, what] of Object.entries(lists)) {
      const { status, stdout, stderr } = loginctl(verb);
      assert.deepEqual([status, stderr], [0, ''], verb);
      assert.match(stdout, new RegExp(`^No ${what}\\.$`, 'm'));
    }
    assert.equal(loginctl('lock-sessions').status, 0);
    const refused = {
      'it has no sessions': [
        ...['session-status', 'show-session', 'activate', 'lock-session', 'terminate-session', 'kill-session'].map(
          (verb) => [verb, '1'],
        ),
        ['session-status'],
      ],
      'no user is logged in': [
        ...['user-status', 'show-user', 'enable-linger', 'terminate-user', 'kill-user'].map((verb) => [verb, 'root']),
        ['user-status'],
      ],
      'it has no seats': [
        ...['seat-status', 'show-seat', 'terminate-seat'].map((verb) => [verb, 'seat0']),
        ['attach', 'seat0', '/sys/class/tty/tty'],
        ['flush-devices'],
      ],
    };
    for (const [reason, calls] of Object.entries(refused)) {
      for (const words of calls) {
        const { status, stdout, stderr } = loginctl(...words);
        assert.deepEqual([status, stdout], [1, ''], words.join(' '));
        assert.ok(stderr.includes(`no logind runs in a pod, and ${reason}`), `${words.join(' ')}: ${stderr}`);
      }
    }
  });

  it('serves many at once, and leaves nothing behind', async () => {
    const pid = (JSON.parse(rig.ok('status', 'shop', '--format=json')) as { pid: number }).pid;
    const all = Array.from({ length: 40 }, () => 'systemctl -M shop is-active web &').join('\n');
    const active = output('sh', '-c', `${all}\nwait`).trim().split('\n');
    assert.deepEqual(active, Array(40).fill('active'));
    const namespace = fs.readlinkSync(`/proc/${pid}/ns/mnt`);
    const inside = (): number =>
      fs.readdirSync('/proc').filter((name) => {
        if (!/^\d+$/.test(name)) return false;
        try {
          return fs.readlinkSync(`/proc/${name}/ns/mnt`) === namespace;
        } catch {
          return false; // ignored: it ended meanwhile
        }
      }).length;
    await until(() => (inside() === 1 ? true : undefined), 'all that served callers to end');
  });

  it('poweroff ends the pod', async () => {
    ok('poweroff');
    await until(() => (/shop.*exited/.test(rig.ok('list')) ? true : undefined), 'the pod to end');
  });
});
