import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { AbsPath, AppName, PodId } from '#kernel/brand';
import { encodePlan } from '../../../stage1/plan/codec';
import { planGraft, planPod } from '../../../stage1/plan/plan';
import type { AppSpec, PodSpec } from '../../../stage1/plan/spec';
import { lifeOf } from '../../../stage2/life';

const app = (name: string, more: Partial<AppSpec> = {}): AppSpec => ({
  name: name as AppName,
  trees: ['/data/trees/t1/rootfs' as AbsPath],
  identity: { uid: 0, gid: 0, groups: [] },
  capabilityMask: '00000000a80425fb',
  noNewPrivileges: false,
  environment: [{ name: 'PATH', value: '/bin' }],
  workingDirectory: '/' as AbsPath,
  argv: ['true'],
  candidates: ['/bin/true'],
  handlers: [],
  life: lifeOf([]),
  protectPaths: true,
  root: { mounts: [], readOnly: false, writable: [], etc: '/etc' as AbsPath, hasHosts: false },
  effects: [],
  ...more,
});

const pod: PodSpec = {
  id: '6f1c0f2e-8f0e-4d57-9d26-0a9e7f3b2a11' as PodId,
  directory: '/data/pods/run/6f1c0f2e-8f0e-4d57-9d26-0a9e7f3b2a11' as AbsPath,
  unit: 'podctl-6f1c0f2e-8f0e-4d57-9d26-0a9e7f3b2a11.service',
  hostname: 'two',
  network: 'none',
  exitPolicy: undefined,
  ipc: 'private',
  users: undefined,
  roots: 'overlay',
  stopGraceMs: 10_000,
  files: { from: 4242, lock: 17, stdout: 1, stderr: 2 },
  journal: undefined,
  machine: {
    busPath: '/run/dbus/system_bus_socket' as AbsPath,
    messagesHex: '6c01',
    incoming: '/run/systemd/nspawn/propagate/web' as AbsPath,
  },
  devices: 'restricted',
  bandwidth: undefined,
  names: { resolvConf: 'nameserver 192.0.2.1\n', hosts: '127.0.0.1\tlocalhost\n', replaceHosts: false },
  volumes: [
    {
      key: 'data',
      readOnly: undefined,
      from: {
        kind: 'host',
        path: '/srv/data' as AbsPath,
        what: { kind: 'directory' },
        recursive: true,
        propagation: 'private',
        follow: false,
      },
    },
    { key: 'web-cache', readOnly: undefined, from: { kind: 'disk', mode: 0o1777, uid: 33, gid: 34 } },
    { key: 'db.own', readOnly: undefined, from: { kind: 'memory', mode: 0o755, uid: 0, gid: 0, size: 65536 } },
  ],
  osRelease: 'PRETTY_NAME="podctl pod: web, db"\n',
  effects: [],
  apps: [
    app('web', {
      identity: { uid: 33, gid: 33, groups: [4, 27] },
      noNewPrivileges: true,
      root: {
        mounts: [
          { volume: 'data', target: '/srv' as AbsPath, readOnly: true },
          { volume: 'web-cache', target: '/run/cache' as AbsPath, readOnly: false },
        ],
        readOnly: true,
        writable: ['/run' as AbsPath, '/tmp' as AbsPath, '/var/tmp' as AbsPath],
        etc: '/usr/etc' as AbsPath,
        hasHosts: true,
      },
      argv: ['nginx', '-g', 'daemon off;'],
    }),
    app('db', {
      life: lifeOf([
        { name: 'podctl/ready', value: 'healthy' },
        { name: 'podctl/health-cmd', value: '["CMD","ping","-c 1"]' },
        { name: 'podctl/health-on-failure', value: 'restart' },
      ]),
      root: {
        mounts: [
          { volume: 'data', target: '/etc' as AbsPath, readOnly: false },
          { volume: 'db.own', target: '/own' as AbsPath, readOnly: false },
        ],
        readOnly: false,
        writable: [],
        etc: '/etc' as AbsPath,
        hasHosts: false,
      },
      protectPaths: false,
      trees: ['/data/trees/t2/rootfs' as AbsPath, '/data/trees/t1/rootfs' as AbsPath],
    }),
  ],
};

describe('planner', () => {
  const golden = path.resolve(__dirname, '../../../../test/golden/two-apps.plan');

  it('makes the golden plan of a pod of two apps', () => {
    const text = encodePlan(planPod(pod));
    if (process.env['UPDATE_GOLDEN'] === '1') fs.writeFileSync(golden, text);
    assert.equal(text, fs.readFileSync(golden, 'utf8'));
  });

  it('takes the network of the host by leaving it alone', () => {
    const text = encodePlan(planPod({ ...pod, network: 'host' }));
    assert.match(text, /^namespaces ipc uts$/m);
    assert.doesNotMatch(text, /^loopback$/m);
  });

  it('inherits files when it runs in place, and hands on only what there is', () => {
    const text = encodePlan(
      planPod({ ...pod, files: { from: undefined, lock: 5, stdout: undefined, stderr: undefined } }),
    );
    assert.match(text, /^inherit lock 5$/m);
    assert.doesNotMatch(text, /^adopt|^inherit std/m);
  });

  it('B11 plans handlers, restarts, order and readiness before the mounts, in an order that the executor can keep', () => {
    const late = app('late', {
      life: lifeOf([
        { name: 'podctl/after', value: 'first' },
        { name: 'podctl/ready', value: 'notify' },
        { name: 'podctl/restart', value: 'on-failure:3' },
        { name: 'podctl/restart-delay', value: '2s' },
        { name: 'podctl/stop-signal', value: 'SIGINT' },
      ]),
      handlers: [{ event: 'pre-start', argv: ['prepare', 'a b'], candidates: ['/bin/prepare'] }],
      environment: [{ name: 'NOTIFY_SOCKET', value: '/of/the/image' }],
    });
    const text = encodePlan(
      planPod({ ...pod, apps: [late, app('first')], exitPolicy: { kind: 'main', app: undefined } }),
    );
    assert.match(text, /^exit-policy main late$/m);
    assert.match(
      text,
      /^app first[\s\S]*^app late app-late\nlog .*\nafter first\nrestart on-failure 2000 30000 3\nstop-signal 2\nhandler pre-start 2 prepare a%20b \/bin\/prepare\n/m,
    );
    assert.match(text, /^symlink \/etc\/mtab .*\nnotify \/dev\/podctl-notify$/m);
    assert.deepEqual(text.match(/^env NOTIFY_SOCKET.*$/gm), ['env NOTIFY_SOCKET=/dev/podctl-notify']);
  });

  it('plans a health check by the path and directory of the app, a program that is not there included', () => {
    const check = (life: Readonly<Record<string, string>>) => {
      const annotations = Object.entries(life).map(([name, value]) => ({ name: `podctl/${name}`, value }));
      const environment = [{ name: 'PATH', value: '/usr/bin:bin' }];
      const checked = app('web', { life: lifeOf(annotations), environment, workingDirectory: '/srv' as AbsPath });
      return encodePlan(planPod({ ...pod, apps: [checked] })).match(/^(restart|health|ready).*$/gm);
    };
    assert.equal(check({}), null);
    assert.equal(check({ 'health-cmd': 'none', 'health-on-failure': 'restart' }), null);
    assert.deepEqual(check({ 'health-cmd': 'a b', 'health-interval': '1m', 'health-retries': '2' }), [
      'health none 60000 30000 0 5000 2 3 /bin/sh -c a%20b /bin/sh',
    ]);
    assert.deepEqual(
      check({ 'health-cmd': '["nope"]', ready: 'healthy', restart: 'always', 'health-on-failure': 'stop' }),
      [
        'restart always 100 30000 0',
        'health stop 30000 30000 30000 1000 3 1 nope /usr/bin/nope /srv/bin/nope',
        'ready-when-healthy',
      ],
    );
  });

  it('never lets the pod-level root or the supervisor be an app mount target', () => {
    const targets = planPod(pod).flatMap((op) => (op.name === 'overlay' ? [op.args[0]] : []));
    assert.deepEqual(targets, ['/apps/web', '/apps/db']);
  });
});

describe('planner: confinement', () => {
  const lines = (spec: PodSpec, wanted: RegExp): string[] =>
    encodePlan(planPod(spec))
      .split('\n')
      .filter((line) => wanted.test(line));
  const [web, db] = [app('web'), app('db')];
  const fuse: AppSpec['effects'] = [
    { kind: 'devices', rules: ['c 10:229 rw'], nodes: ['/dev/fuse'] },
    { kind: 'device-allow', allow: ['/dev/char/10:229', 'rw'] },
  ];

  it('writes a filter and labels into the section of their app, and those of the pod into the others', () => {
    const effects: AppSpec['effects'] = [
      { kind: 'filter', program: '0600000000000000' },
      { kind: 'label', module: 'apparmor', value: 'own', scope: 'app' },
    ];
    const podEffects: PodSpec['effects'] = [{ kind: 'label', module: 'apparmor', value: 'all', scope: 'pod' }];
    const found = lines(
      { ...pod, apps: [app('web', { effects }), db], effects: podEffects },
      /^(app|seccomp|apparmor) /,
    );
    assert.deepEqual(found, [
      'app web app-web',
      'seccomp 0600000000000000',
      'apparmor own',
      'app db app-db',
      'apparmor all',
    ]);
  });

  it('gives every app device rules of its own once one of them widens what the unit allows', () => {
    assert.deepEqual(lines({ ...pod, apps: [web, db] }, /^devices /), []);
    const found = lines({ ...pod, apps: [app('web', { effects: fuse }), db] }, /^(devices|bind %?\/dev\/fuse) ?/);
    assert.deepEqual(
      found.filter((line) => line.startsWith('bind')),
      Array(2).fill('bind /dev/fuse /dev/fuse'),
    );
    const [own, other] = found.filter((line) => line.startsWith('devices'));
    assert.equal(own, 'devices c%2010:229%20rw');
    assert.match(other ?? '', /^devices c%201:3%20rwm .* c%20136:\*%20rwm$/);
  });

  it('gives an app that joins a running pod device rules, whatever the unit allows for others', () => {
    const fragment = encodePlan(planGraft({ ...pod, apps: [db] }, db)).split('\n');
    assert.match(fragment.find((line) => line.startsWith('devices')) ?? '', /^devices c%201:3%20rwm /);
  });

  it('limits traffic behind the network, and not where there is none but lo', () => {
    const joined = { ...pod, network: { namespace: '/run/netns/x' as AbsPath }, bandwidth: 1_000_000n };
    assert.deepEqual(lines(joined, /^bandwidth /), ['bandwidth 1000000']);
    assert.deepEqual(lines({ ...pod, bandwidth: 1n }, /^bandwidth /), []);
  });

  it('says what the files of an app are, unless it is the usual, and gives a terminal a size and a kind', () => {
    const terminal = { rows: 50, columns: 132, kind: 'linux' };
    const stdio = (stdin: 'null' | 'tty', stdout: 'log' | 'tty'): NonNullable<AppSpec['stdio']> => ({
      stdin,
      stdout,
      stderr: 'log',
      terminal,
    });
    const wanted = /^(stdio|terminal|env TERM)/;
    assert.deepEqual(lines({ ...pod, apps: [app('web', { stdio: stdio('null', 'log') })] }, wanted), []);
    const shown = ['stdio tty tty log', 'terminal 50 132'];
    assert.deepEqual(lines({ ...pod, apps: [app('web', { stdio: stdio('tty', 'tty') })] }, wanted), [
      ...shown,
      'env TERM=linux',
    ]);
    const own = [{ name: 'TERM', value: 'dumb' }];
    assert.deepEqual(lines({ ...pod, apps: [app('web', { stdio: stdio('tty', 'tty'), environment: own })] }, wanted), [
      ...shown,
      'env TERM=dumb',
    ]);
  });
});
