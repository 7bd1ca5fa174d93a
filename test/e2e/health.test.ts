/** Health checks on a real systemd: states, what is done about an unhealthy app, and units and apps that wait until one is healthy. */
import assert from 'node:assert/strict';
import { busyboxAci } from '../fixtures/aci';
import { eventsOf } from '../rig/events';
import { needsHost, output, Rig, until } from '../rig/rig';

interface App {
  readonly name: string;
  readonly state: string;
  readonly reason: string | null;
  readonly exit_code: number | null;
  readonly detail: string | null;
  readonly restarts: number;
  readonly health: { state: string; failures: number; output: string | null } | null;
}

const unitOf = (uuid: string): string => `podctl-${uuid}.service`;
const show = (uuid: string, property: string): string =>
  output('systemctl', 'show', '--value', '-p', property, unitOf(uuid)).trim();

describe('health checks', () => {
  let rig: Rig;
  let image: string;

  before(function () {
    needsHost(this);
    rig = new Rig();
    image = rig.write('hello.aci', busyboxAci({ name: 'example.com/hello', exec: ['/bin/true'] }));
  });
  afterEach(() => {
    if (rig === undefined) return;
    for (const pod of JSON.parse(rig.ok('list', '--format=json')) as { name: string; state: string }[])
      if (pod.state === 'running') rig.ok('stop', '--force', pod.name);
    rig.removeEnded();
  });
  after(() => rig?.dispose());

  const FAST = ['--health-interval=50ms', '--health-start-period=0'];
  const script = (text: string, ...flags: string[]): string[] => [image, ...flags, '--exec=/bin/sh', '--', '-c', text];
  const WAIT = 'while :; do sleep 0.05; done';
  const run = (...args: string[]) => rig.podctl('--insecure-options=image', 'run', '--net=none', ...args);
  const detached = (...args: string[]): string =>
    rig.ok('--insecure-options=image', 'run', '--net=none', '--detach', ...args).trim();
  const apps = (uuid: string): readonly App[] =>
    (JSON.parse(rig.ok('status', '--format=json', uuid)) as { apps: App[] }).apps;
  const app = (uuid: string, name: string): App | undefined => apps(uuid).find((one) => one.name === name);
  const onlyPod = (): string | undefined =>
    (JSON.parse(rig.ok('list', '--format=json')) as { name: string; state: string }[]).find(
      ({ state }) => state === 'running',
    )?.name;
  const untilHealth = (uuid: string, name: string, state: string): Promise<App> =>
    until(() => {
      const found = app(uuid, name);
      return found?.health?.state === state ? found : undefined;
    }, `${name} to be ${state}`);

  it('follow the app, in status, JSON, systemd and the journal', async () => {
    const check = "printf '100%% \\033[31mgone'; test -e /tmp/well";
    const uuid = detached(...script(WAIT, '--name=web', `--health-cmd=${check}`, ...FAST));
    const seen = await untilHealth(uuid, 'web', 'unhealthy');
    assert.deepEqual([seen.state, seen.reason, seen.health?.output], ['running', null, 'status 1: 100% ?[31mgone']);
    assert.match(
      rig.ok('status', uuid),
      /^app-web-health=unhealthy\napp-web-health-failures=\d+\napp-web-health-output=status 1: 100/m,
    );
    assert.match(rig.ok('app', 'status', uuid, '--app=web'), /^health=unhealthy$/m);
    await until(() => (show(uuid, 'StatusText') === '1/1 apps running, 1 unhealthy' ? true : undefined), 'STATUS=');
    rig.ok('enter', uuid, 'touch', '/tmp/well');
    assert.equal((await untilHealth(uuid, 'web', 'healthy')).health?.failures, 0);
    assert.doesNotMatch(rig.ok('status', uuid), /health-failures|health-output/);
    await until(() => (show(uuid, 'StatusText') === '1/1 apps running' ? true : undefined), 'STATUS=');
    rig.ok('stop', uuid);
    const told = eventsOf(uuid).filter((entry) => entry['PODCTL_EVENT']?.startsWith('app-'));
    assert.deepEqual(
      told.map(({ PODCTL_EVENT }) => PODCTL_EVENT),
      ['app-started', 'app-unhealthy', 'app-healthy', 'app-exited'],
    );
    const [, unhealthy] = told;
    assert.equal(unhealthy?.['MESSAGE_ID'], '354a5ef0cb7c47f6b64ffcc8a080bda1');
    assert.equal(unhealthy?.['MESSAGE'], 'app web is unhealthy: 3 checks in a row have failed');
    assert.deepEqual(
      [unhealthy?.['PRIORITY'], unhealthy?.['HEALTH_FAILURES'], unhealthy?.['_SYSTEMD_UNIT']],
      ['4', '3', unitOf(uuid)],
    );
    assert.equal(rig.ok('status', uuid).includes('health'), false);
  });

  it("see what the app sees, as its user, also among users of the pod's own", async () => {
    const check =
      'test "$(id -u)" = 1000 && test "$V" = x && test "$PWD" = /tmp && test -e /tmp/mine && test "$(hostname)" = inside && grep -q "^NoNewPrivs:.1" /proc/self/status';
    for (const users of [[], ['--private-users=1900000000:65536']]) {
      const checked = detached(
        ...users,
        '--hostname=inside',
        ...script(
          `touch /tmp/mine; ${WAIT}`,
          '--name=web',
          '--user=1000',
          '--group=1000',
          '--working-dir=/tmp',
          '--environment=V=x',
          `--health-cmd=${check}`,
          ...FAST,
        ),
      );
      await untilHealth(checked, 'web', 'healthy');
      rig.ok('stop', checked);
    }
  });

  it('--ready=healthy: the unit, and the apps behind it, wait for the first check that succeeds', async () => {
    const child = rig.start(
      '--insecure-options=image',
      'run',
      '--net=none',
      '--exit-policy=main=late',
      ...script(
        `sleep 0.5; touch /tmp/well; ${WAIT}`,
        '--name=db',
        '--ready=healthy',
        '--health-cmd=test -e /tmp/well',
        '--health-start-interval=50ms',
      ),
      '---',
      ...script('echo late; until [ -e /tmp/enough ]; do sleep 0.05; done', '--name=late', '--after=db'),
    );
    const uuid = await until(onlyPod, 'the pod');
    const before = await until(() => /^act.*$/.exec(show(uuid, 'ActiveState'))?.[0], 'its unit');
    assert.ok(before === 'activating' || app(uuid, 'db')?.health?.state === 'healthy', before);
    assert.equal(show(uuid, 'TimeoutStartUSec'), '5min'); // 90 s, a start period of 30 s, three checks of a minute each
    await until(() => (show(uuid, 'ActiveState') === 'active' ? true : undefined), 'READY=1');
    assert.equal(app(uuid, 'db')?.health?.state, 'healthy');
    rig.ok('enter', '--app=late', uuid, 'touch', '/tmp/enough');
    const { status, stdout, stderr } = await child.ended;
    assert.deepEqual([status, stdout], [0, 'late\n'], stderr);
    assert.deepEqual(
      eventsOf(uuid).flatMap(({ PODCTL_EVENT, APP }) => (APP === 'db' ? [PODCTL_EVENT] : [])),
      ['app-started', 'app-healthy', 'app-ready', 'app-exited'],
    );
  });

  it('--ready=healthy fails the start of a pod whose app was ended before it ever was', () => {
    const { status, stderr } = run(
      '--exit-policy=all',
      ...script(
        WAIT,
        '--name=db',
        '--ready=healthy',
        '--health-cmd=echo "no table"; exit 4',
        ...FAST,
        '--health-on-failure=kill',
      ),
    );
    assert.equal(status, 254);
    assert.match(
      stderr,
      /pod-failed: app "db" of pod .*: start \(ended before it was ever healthy: status 4: no table\)/,
    );
  });

  it('on failure restart, kill or stop end the run, with a reason of its own', async () => {
    const sick = (action: string, ...more: string[]): string[] =>
      script(
        `echo run; echo $$ >/tmp/up; ${WAIT}`,
        '--name=web',
        '--health-cmd=kill -0 $(cat /tmp/up) 2>/dev/null || exit 0; echo sick; false',
        ...FAST,
        `--health-on-failure=${action}`,
        ...more,
      );
    const restarted = run(...sick('restart', '--restart=on-failure:2', '--restart-delay=10ms'));
    assert.deepEqual([restarted.status, restarted.stdout], [1, 'run\nrun\nrun\n'], restarted.stderr);
    const pods = JSON.parse(rig.ok('list', '--format=json')) as { name: string; apps: App[] }[];
    const [web] = pods[0]?.apps ?? [];
    assert.deepEqual([web?.reason, web?.restarts, web?.detail, web?.health], ['unhealthy', 2, 'status 1: sick', null]);
    const told = eventsOf(pods[0]?.name ?? '').filter(({ PODCTL_EVENT }) => PODCTL_EVENT === 'app-restarting');
    assert.equal(told[0]?.['MESSAGE'], 'app web was ended with status 1, since it was unhealthy, restarting (1)');
    assert.equal(run(...sick('kill')).status, 137);
    assert.deepEqual([run(...sick('stop', '--restart=always')).status, run(...sick('stop')).stdout], [1, 'run\n']);
    // Without a policy, restarts for this reason have no limit.
    const uuid = detached(...sick('restart', '--restart-delay=10ms'));
    await until(() => ((app(uuid, 'web')?.restarts ?? 0) >= 2 ? true : undefined), 'two restarts');
    rig.ok('stop', uuid);
    assert.equal(app(uuid, 'web')?.reason, 'stopped');
  });

  it('stay with a prepared pod, come from an image, and are what flags say instead', async () => {
    const annotations = [
      { name: 'podctl/health-cmd', value: 'echo of the image; false' },
      { name: 'podctl/health-interval', value: '50ms' },
      { name: 'podctl/health-retries', value: '2' },
      { name: 'podctl/health-on-failure', value: 'kill' },
    ];
    const checked = rig.write(
      'checked.aci',
      busyboxAci({ name: 'example.com/checked', exec: ['/bin/sh', '-c', WAIT], manifest: { annotations } }),
    );
    const prepared = (...flags: string[]): string =>
      rig.ok('--insecure-options=image', 'prepare', checked, '--name=web', ...flags).trim();
    const own = prepared();
    rig.ok('run-prepared', '--net=none', '--detach', own);
    // What is done about it is the operator's word.
    const seen = await untilHealth(own, 'web', 'unhealthy');
    assert.deepEqual([seen.state, seen.health?.output], ['running', 'status 1: of the image']);
    rig.ok('stop', own);
    const other = prepared('--health-cmd=["true"]');
    rig.ok('run-prepared', '--net=none', '--detach', other);
    await untilHealth(other, 'web', 'healthy');
    rig.ok('stop', other);
    const none = prepared('--no-healthcheck');
    assert.match(rig.ok('cat-manifest', none), /"podctl\/health-cmd",\s*"value": "none"/);
    rig.ok('run-prepared', '--net=none', '--detach', none);
    assert.equal(app(none, 'web')?.health, null);
    rig.ok('stop', none);
  });

  it('belong to apps that are added to a running pod, too, and are gone with them', async () => {
    const pod = rig.ok('app', 'sandbox', '--net=none', '--detach').trim();
    rig.ok(
      '--insecure-options=image',
      'app',
      'add',
      pod,
      ...script(WAIT, '--name=web', '--health-cmd=exec sleep 60', ...FAST, '--health-timeout=100ms'),
    );
    for (let round = 0; round < 3; round += 1) {
      rig.ok('app', 'start', pod, '--app=web');
      assert.match((await untilHealth(pod, 'web', 'unhealthy')).health?.output ?? '', /no answer within 100 ms/);
      rig.ok('app', 'stop', pod, '--app=web');
    }
    rig.ok('app', 'rm', pod, '--app=web');
    rig.ok('stop', pod);
  });

  it('are refused when they could not be meant', () => {
    for (const [flags, message] of [
      [['--health-cmd='], /life-invalid: the health check ""/],
      [['--health-cmd=["CMD"]'], /life-invalid: the health check/],
      [['--health-interval=0'], /life-invalid: the interval of health checks "0"/],
      [['--health-timeout=10'], /life-invalid: the time-out of health checks "10"/],
      [['--health-retries=none'], /life-invalid: the number of failed health checks "none"/],
      [['--health-on-failure=panic'], /life-invalid: .* "panic"/],
      [['--ready=healthy'], /life-invalid: app "web" is to be ready when it is healthy/],
      [['--ready=healthy', '--no-healthcheck'], /life-invalid: app "web"/],
      [['--no-healthcheck', '--health-retries=2'], /usage: --no-healthcheck/],
    ] as const) {
      const { status, stderr } = run(...script('true', '--name=web', ...flags));
      assert.deepEqual([status, message.test(stderr)], [254, true], `${flags.join(' ')}: ${stderr}`);
    }
    assert.deepEqual(rig.leftovers(), []);
  });
});
