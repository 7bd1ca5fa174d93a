/** The lives of apps on a real systemd: handlers, restarts, order, readiness, exit policies, and what is told of them. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { busyboxAci } from '../fixtures/aci';
import { eventsOf, said } from '../rig/events';
import { needsHost, output, Rig, until } from '../rig/rig';
import { skip } from '../runner/skip';

const NET = '--net=none';
const unitOf = (uuid: string): string => `podctl-${uuid}.service`;

interface AppState {
  readonly name: string;
  readonly state: string;
  readonly exit_code: number | null;
  readonly reason: string | null;
  readonly detail: string | null;
  readonly restarts: number;
}

describe('the lives of apps', () => {
  let rig: Rig;
  let image: string;
  let handlers: string;

  before(function () {
    needsHost(this);
    rig = new Rig();
    image = rig.write('hello.aci', busyboxAci({ name: 'example.com/hello', exec: ['/bin/true'] }));
    const sh = (script: string) => ['/bin/sh', '-c', script];
    handlers = rig.write(
      'handlers.aci',
      busyboxAci({
        name: 'example.com/handlers',
        exec: sh(
          'test -e /prestart && echo "main $AC_APP_NAME $IN $PWD" && echo x > /main; test ! -e /poststop; exit $((STATUS))',
        ),
        app: {
          user: 'app',
          group: 'app',
          workingDirectory: '/var/log',
          environment: [{ name: 'IN', value: 'correct' }],
          eventHandlers: [
            {
              name: 'pre-start',
              exec: sh(
                'test ! -e /prestart && test ! -e /main && touch /prestart && chmod 777 / && echo "pre-start $AC_APP_NAME $IN $PWD $PATH $container $(id -u)"; exit $((PRE))',
              ),
            },
            {
              name: 'post-stop',
              exec: sh('test -e /prestart && touch /poststop && echo "post-stop $(ls / | grep -c main) $(id -u)"'),
            },
          ],
        },
      }),
    );
  });
  after(() => rig?.dispose());

  const run = (...args: string[]) => rig.podctl('--insecure-options=image', 'run', NET, ...args);
  const detach = (...args: string[]): string => {
    const { stdout, stderr, status } = run('--detach', ...args);
    assert.equal(status, 0, stderr);
    return stdout.trim();
  };
  const script = (text: string, ...flags: string[]): string[] => [image, ...flags, '--exec=/bin/sh', '--', '-c', text];
  const apps = (uuid: string): readonly AppState[] =>
    (JSON.parse(rig.ok('status', uuid, '--format=json')) as { apps: readonly AppState[] }).apps;
  const app = (uuid: string, name: string): AppState | undefined => apps(uuid).find((one) => one.name === name);
  const saved = (args: readonly string[]): { uuid: string; status: number | null; stdout: string; stderr: string } => {
    const file = `${rig.root}/uuid`;
    const outcome = run(`--uuid-file-save=${file}`, ...args);
    return { ...outcome, uuid: output('cat', file).trim() };
  };

  it('B11 E1 E2 E4 E5 runs pre-start, the app and post-stop in one root and environment, the handlers as root', () => {
    const { status, stdout, stderr, uuid } = saved([handlers]);
    assert.equal(status, 0, stderr);
    const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
    assert.deepEqual(stdout.split('\n'), [
      `pre-start handlers correct /var/log ${path} podctl 0`,
      'main handlers correct /var/log',
      'post-stop 1 0',
      '',
    ]);
    output('journalctl', '--sync');
    assert.equal(rig.ok('logs', uuid, '--app=handlers', '-o', 'cat'), stdout);
    assert.doesNotMatch(stderr, /ignored/);
  });

  it('B11 does not start an app whose pre-start handler failed, and says so', () => {
    const before = rig.leftovers();
    const { status, stdout, stderr } = run(handlers, '--environment=PRE=3');
    assert.equal(status, 254);
    assert.match(stdout, /^pre-start .*\n$/);
    assert.match(stderr, /app "handlers" of pod .*pre-start.*handler failed/);
    assert.deepEqual(rig.leftovers(), before);
  });

  it('B11 runs post-stop after a stop, and keeps what it says', async () => {
    const uuid = detach(handlers, '--exec=/bin/sleep', '--', '1000');
    rig.ok('stop', uuid);
    output('journalctl', '--sync');
    assert.match(rig.ok('logs', uuid, '-o', 'cat'), /^post-stop 0 0$/m);
    assert.equal(app(uuid, 'handlers')?.reason, 'stopped');
  });

  it('B11 refuses a handler whose program the image has not, before anything is made', () => {
    const bad = rig.write(
      'bad.aci',
      busyboxAci({ app: { eventHandlers: [{ name: 'pre-start', exec: ['/bin/missing'] }] } }),
    );
    const { status, stderr } = run(bad);
    assert.equal(status, 254);
    assert.match(stderr, /exec-not-found.*\/bin\/missing/);
  });

  it('restarts a failing app up to its limit, counts it in status, and tells the journal', () => {
    const { status, stdout, uuid } = saved(
      script('echo run; exit 3', '--name=flaky', '--restart=on-failure:2', '--restart-delay=10ms'),
    );
    assert.equal(status, 3);
    assert.equal(stdout, 'run\nrun\nrun\n');
    const text = rig.ok('status', uuid);
    assert.match(text, /^app-flaky=3\napp-flaky-reason=exit\napp-flaky-restarts=2$/m);
    const events = eventsOf(uuid, 'app-restarting', 'app-exited');
    const told = events.map(({ PODCTL_EVENT, APP, REASON, EXIT_STATUS, RESTARTS }) => [
      PODCTL_EVENT,
      APP,
      REASON,
      EXIT_STATUS,
      RESTARTS,
    ]);
    assert.deepEqual(told, [
      ['app-restarting', 'flaky', 'exit', '3', '1'],
      ['app-restarting', 'flaky', 'exit', '3', '2'],
      ['app-exited', 'flaky', 'exit', '3', '2'],
    ]);
    // journald asks for the unit when an entry's turn comes, and the last one's sender may be gone by then.
    assert.equal(events[0]?.['_SYSTEMD_UNIT'], unitOf(uuid));
  });

  it('keeps restart policies with a prepared pod, and stops one that waits to be restarted', async () => {
    const uuid = rig
      .ok(
        '--insecure-options=image',
        'prepare',
        ...script('exit 1', '--name=app', '--restart=always', '--restart-delay=10m'),
      )
      .trim();
    assert.match(rig.ok('cat-manifest', uuid), /"podctl\/restart"/);
    rig.ok('run-prepared', NET, '--detach', uuid);
    await until(() => (app(uuid, 'app')?.state === 'restarting' ? true : undefined), 'the pause');
    assert.match(rig.ok('status', uuid), /^app-app-state=restarting$/m);
    const begin = Date.now();
    rig.ok('stop', uuid);
    assert.ok(Date.now() - begin < 8000);
    assert.equal(app(uuid, 'app')?.reason, 'stopped');
  });

  for (const [policy, status] of [
    ['any', 0],
    ['all', 4],
    ['main', 4],
    ['main=good', 0],
  ] as const) {
    it(`--exit-policy=${policy} ends the pod with ${status}`, () => {
      const bad = script(`sleep ${status === 0 ? 10 : 0.5}; exit 4`, '--name=bad');
      const good = script('sleep 0.2', '--name=good');
      assert.equal(run(`--exit-policy=${policy}`, ...bad, '---', ...good).status, status);
    });
  }

  it('refuses circles, unknown apps, policies and signals, and leaves nothing', () => {
    const before = rig.leftovers();
    for (const [args, message] of [
      [[...script('true', '--name=a', '--after=b'), '---', ...script('true', '--name=b', '--after=a')], /a → b → a/],
      [script('true', '--after=b'), /"b", which the pod has not/],
      [script('true', '--restart=often'), /restart policy "often"/],
      [script('true', '--stop-signal=SIGNONE'), /stop signal "SIGNONE"/],
      [script('true', '--ready=later'), /readiness "later"/],
      [['--exit-policy=main=x', ...script('true')], /"x", which it has not/],
    ] as const) {
      const { status, stderr } = run(...args);
      assert.equal(status, 254, stderr);
      assert.match(stderr, /life-invalid/);
      assert.match(stderr, message);
    }
    assert.deepEqual(rig.leftovers(), before);
  });

  it('ends an app by the signal it wants', async () => {
    const uuid = detach(
      ...script(
        'trap "echo got it; exit 0" USR1; echo up; while :; do sleep 0.1; done',
        '--name=app',
        '--stop-signal=SIGUSR1',
      ),
    );
    await said(uuid, 'up');
    rig.ok('stop', uuid);
    output('journalctl', '--sync');
    assert.match(rig.ok('logs', uuid, '-o', 'cat'), /^got it$/m);
    assert.deepEqual([app(uuid, 'app')?.reason, app(uuid, 'app')?.exit_code], ['stopped', 0]);
  });

  it('tells reasons: exit, signal, and an interpreter that is missing', () => {
    const { uuid } = saved(script('kill -9 $$', '--name=killed'));
    assert.deepEqual([app(uuid, 'killed')?.reason, app(uuid, 'killed')?.exit_code], ['signal', 137]);
    assert.equal(eventsOf(uuid, 'app-exited')[0]?.['MESSAGE'], 'app killed was killed by signal 9');
    const bad = rig.write(
      'interpreter.aci',
      busyboxAci({
        exec: ['/bin/tool'],
        files: [{ name: 'rootfs/bin/tool', mode: 0o755, content: '#!/usr/bin/python9\n' }],
      }),
    );
    const { status, stderr } = run(bad);
    assert.equal(status, 254);
    assert.match(stderr, /exec-failed.*\/bin\/tool.*interpreter \/usr\/bin\/python9 does not/);
  });

  it('tells that the kernel killed an app for want of memory, and only that app', function () {
    const controllers = fs.readFileSync('/sys/fs/cgroup/cgroup.controllers', 'utf8').trim().split(' ');
    if (!controllers.includes('memory')) skip(this, 'this host has no memory controller');
    const { status, uuid } = saved([
      '--exit-policy=all',
      ...script(
        'exec dd if=/dev/zero of=/dev/null bs=200M count=1',
        '--name=hog',
        '--memory=32M',
        '--restart=on-failure:1',
      ),
      '---',
      ...script('sleep 3', '--name=other'),
    ]);
    assert.equal(status, 137);
    assert.deepEqual(
      apps(uuid).map(({ name, reason, exit_code, restarts }) => [name, reason, exit_code, restarts]),
      [
        ['hog', 'oom', 137, 1],
        ['other', 'exit', 0, 0],
      ],
    );
    const [told] = eventsOf(uuid, 'app-restarting');
    assert.equal(told?.['REASON'], 'oom');
    assert.equal(told?.['MESSAGE'], 'app hog was killed for want of memory, restarting (1)');
  });
});
