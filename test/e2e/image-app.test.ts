/** What the `app` of an image manifest asks of the executor (appc §3.2, B7 to B18), as the app meets it. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { buildAci } from '../fixtures/aci';
import { busyboxRoot } from '../fixtures/busybox';
import type { TarItem } from '../fixtures/tar-writer';
import { Probe, type Sight, statusOf } from '../rig/probe';
import { command, needsHost, type Outcome, PODCTL, Rig } from '../rig/rig';

const script = (name: string, text: string): TarItem => ({
  name: `rootfs/${name}`,
  mode: 0o755,
  content: `#!/bin/sh\n${text}\n`,
});

describe("an image's app", () => {
  let rig: Rig;
  let probe: Probe;
  before(function () {
    needsHost(this);
    rig = new Rig();
    probe = new Probe(rig);
  });
  afterEach(() => rig.removeEnded());
  after(() => rig?.dispose());

  const run = (image: string, ...args: string[]): Outcome =>
    rig.podctl('--insecure-options=image', 'run', '--net=none', image, ...args);
  const refused = (attempt: () => Outcome, message: RegExp): void => {
    const before = rig.leftovers();
    const { status, stderr } = attempt();
    assert.deepEqual([status, message.test(stderr)], [254, true], stderr);
    assert.deepEqual(rig.leftovers(), before);
  };
  const seen = (app: object, files: readonly TarItem[] = []): Sight =>
    probe.see([], probe.imageWith('asked', files, app));

  it('B7 is optional: an image without one runs with --exec, and not without', () => {
    const bare = rig.write('bare.aci', buildAci({ name: 'example.com/bare', files: busyboxRoot() }));
    refused(() => run(bare), /--exec/);
    const { status, stdout, stderr } = run(bare, '--exec=/bin/echo', '--', 'runs');
    assert.deepEqual([status, stdout], [0, 'runs\n'], stderr);
  });

  it('C8 nothing of how a dependency would be run counts: neither its command nor its user, environment or isolators', () => {
    const base = {
      exec: ['/bin/echo', 'of the dependency'],
      user: '1000',
      group: '1000',
      workingDirectory: '/opt',
      environment: [{ name: 'OF_BASE', value: 'yes' }],
      eventHandlers: [{ name: 'pre-start', exec: ['/bin/sh', '-c', 'echo handler'] }],
      isolators: [{ name: 'os/linux/capabilities-remove-set', value: { set: ['CAP_CHOWN'] } }],
    };
    const files = [...busyboxRoot(), { name: 'rootfs/opt/' }];
    const insecure = '--insecure-options=image';
    rig.ok(insecure, 'fetch', rig.write('c8.aci', buildAci({ name: 'example.com/c8', app: base, files })));
    const manifest = { dependencies: [{ imageName: 'example.com/c8' }] };
    const top = (app?: object): string =>
      rig.write(
        'c8-top.aci',
        buildAci({ name: 'example.com/c8-top', manifest, files: [{ name: 'rootfs/' }], ...(app ? { app } : {}) }),
      );
    const script = 'pwd; id -u; echo "[$OF_BASE]"; touch /own && chown 5 /own && echo may';
    const own = run(top({ exec: ['/bin/sh', '-c', script], user: '0', group: '0' }));
    assert.deepEqual([own.status, own.stdout], [0, '/\n0\n[]\nmay\n'], own.stderr);
    refused(() => run(top()), /--exec/);
  });

  it('B8 exec without a slash is looked for in the PATH of the app, in order, inside its root', () => {
    const programs = [script('first/tool', 'echo first'), script('second/tool', 'echo second')];
    const notExecutable: TarItem = { name: 'rootfs/zero/tool', mode: 0o644, content: '#!/bin/sh\necho zero\n' };
    const found = (value: string): Outcome => {
      const app = { exec: ['tool'], environment: [{ name: 'PATH', value }] };
      return run(probe.imageWith('path', [...programs, notExecutable], app));
    };
    assert.equal(found('/nowhere:/second:/first').stdout, 'second\n');
    assert.equal(found('/zero:/first').stdout, 'first\n', 'what may not be executed is passed over');
    refused(() => found('/nowhere:/bin'), /exec-not-found: .*no program "tool"/);
    const host = path.join(rig.root, 'of-the-host');
    fs.mkdirSync(host);
    fs.writeFileSync(`${host}/tool`, '#!/bin/sh\necho host\n', { mode: 0o755 });
    refused(() => found(host), /exec-not-found/);
  });

  it('B8 nothing in exec is expanded, and an empty PATH means the default one', () => {
    const words = ['$HOME', '*', '~', '`id`', '$(id)', 'a b', '', '%s', '\\n', 'ü', 'a=b'];
    const app = { exec: ['probe', 'see', ...words], environment: [{ name: 'PATH', value: '' }] };
    const { cmdline } = JSON.parse(run(probe.imageWith('words', [], app)).stdout) as Sight;
    assert.deepEqual(Buffer.from(cmdline, 'latin1').toString('utf8').split('\0'), ['probe', 'see', ...words, '']);
    const verbatim = ['/bin/../bin//probe', 'see'];
    assert.equal((JSON.parse(run(probe.imageWith('slash', [], { exec: verbatim })).stdout) as Sight).exe, '/bin/probe');
  });

  it('B9 user and group are names of the image, numbers, or the owner of a file', () => {
    const owned: TarItem = { name: 'rootfs/srv/owned', content: '', uid: 33, gid: 44 };
    for (const [user, group, uid, gid] of [
      ['app', 'extra', 1000, 1001],
      ['77', '88', 77, 88],
      ['/srv/owned', '/srv/owned', 33, 44],
      ['nobody', '/srv/owned', 65534, 44],
    ] as const) {
      const sight = seen({ user, group }, [owned]);
      const four = (id: number): string => Array(4).fill(id).join('\t');
      assert.deepEqual([statusOf(sight, 'Uid'), statusOf(sight, 'Gid')], [four(uid), four(gid)], user);
    }
    refused(() => run(probe.imageWith('nobody', [], { user: 'daemon' })), /daemon/);
    refused(() => run(probe.imageWith('nofile', [], { user: '/srv/missing' })), /\/srv\/missing/);
  });

  it('B9 a name is looked up in the image, not on the host, through no link that leads out of it', () => {
    const host: TarItem = { name: 'rootfs/etc/passwd', type: '2', linkName: '/etc/podctl-test-passwd' };
    fs.writeFileSync('/etc/podctl-test-passwd', 'outside:x:4711:4711::/:/bin/sh\n');
    try {
      const files = [...busyboxRoot().filter((entry) => entry.name !== 'rootfs/etc/passwd'), host];
      const app = { exec: ['/bin/id'], user: 'outside', group: '0' };
      refused(() => run(rig.write('out.aci', buildAci({ name: 'example.com/out', app, files }))), /outside/);
    } finally {
      fs.rmSync('/etc/podctl-test-passwd');
    }
  });

  it('B10 supplementaryGIDs are all the groups that it has', () => {
    const groups = (app: object): string | undefined => statusOf(seen(app), 'Groups');
    assert.equal(groups({ supplementaryGIDs: [1001, 7, 4_000_000_000] }), '7 1001 4000000000');
    assert.equal(groups({ user: 'app', group: 'app', supplementaryGIDs: [] }), '');
    assert.equal(groups({ user: 'app', group: 'app' }), '', 'those of /etc/group are not asked for');
  });

  it('B12 workingDirectory is where it starts; missing, the app fails', () => {
    assert.equal(seen({ workingDirectory: '/var/log' }).cwd, '/var/log');
    assert.equal(seen({}).cwd, '/');
    const inside: TarItem = { name: 'rootfs/link', type: '2', linkName: '/etc' };
    assert.equal(seen({ workingDirectory: '/link' }, [inside]).cwd, '/etc');
    refused(
      () => run(probe.imageWith('missing', [], { workingDirectory: '/nowhere' })),
      /workdir-missing: .*"\/nowhere"/,
    );
    refused(
      () => run(probe.imageWith('file', [], { workingDirectory: '/etc/passwd' })),
      /workdir-missing: .*"\/etc\/passwd"/,
    );
  });

  it('B12 workingDirectory counts volumes: one inside is found, one that a volume hides is missing', () => {
    const source = path.join(rig.root, 'volume');
    fs.mkdirSync(`${source}/sub`, { recursive: true });
    const volume = [`--volume=v,kind=host,source=${source}`, '--mount=volume=v,target=/v'];
    const image = probe.imageWith('in-volume', [{ name: 'rootfs/v/hidden/' }], { workingDirectory: '/v/sub' });
    assert.equal(probe.see(volume, image).cwd, '/v/sub');
    const hidden = probe.imageWith('hidden', [{ name: 'rootfs/v/hidden/' }], { workingDirectory: '/v/hidden' });
    refused(() => probe.run(['see'], volume, hidden), /\/v\/hidden/);
  });

  it('B13 environment is passed on literally, whatever is in its values', () => {
    const environment = [
      { name: 'A.b-c_9', value: '$HOME `id` %d \\ "\'' },
      { name: 'EMPTY', value: '' },
      { name: 'LINES', value: 'one\ntwo\ttab' },
      { name: 'EQUALS', value: 'a=b=c' },
    ];
    const { environ } = seen({ environment });
    for (const { name, value } of environment) assert.ok(environ.includes(`${name}=${value}`), name);
    refused(() => run(probe.imageWith('bad', [], { environment: [{ name: '1A', value: '' }] })), /1A/);
  });

  it('B14 isolators hold from the first instruction on', () => {
    const isolators = [
      { name: 'os/linux/capabilities-retain-set', value: { set: ['CAP_CHOWN'] } },
      { name: 'os/linux/no-new-privileges', value: true },
      { name: 'os/linux/oom-score-adj', value: 300 },
    ];
    const sight = seen({ isolators });
    const found = ['CapEff', 'CapBnd', 'NoNewPrivs'].map((name) => statusOf(sight, name));
    assert.deepEqual([...found, sight.oom], ['0000000000000001', '0000000000000001', '1', '300\n']);
  });

  it('B15 mountPoints are mounted where their path says, read-only if they ask for it', () => {
    const mountPoints = [
      { name: 'data', path: '/data' },
      { name: 'settings', path: '/etc/settings', readOnly: true },
    ];
    const image = probe.imageWith('points', [], { mountPoints });
    const flags = ['--volume=data,kind=empty', '--volume=settings,kind=empty'];
    const { stdout, stderr } = probe.run(['try', 'create:/data/x', 'create:/etc/settings/x'], flags, image);
    assert.deepEqual(JSON.parse(stdout), { 'create:/data/x': 'ok', 'create:/etc/settings/x': 'EROFS' }, stderr);
  });

  it('B16 ports with their protocol and count are kept in the manifest of the pod', () => {
    const ports = [{ name: 'web', protocol: 'tcp', port: 80, count: 3 }];
    const uuid = rig.ok('--insecure-options=image', 'prepare', probe.imageWith('ports', [], { ports })).trim();
    const manifest = JSON.parse(rig.ok('cat-manifest', uuid)) as { apps: { app: { ports: unknown } }[] };
    assert.deepEqual(manifest.apps[0]?.app.ports, ports);
    rig.ok('rm', uuid);
  });

  it('B17 sockets are passed to nobody: not those of the caller either, for ports that are not activated', () => {
    const ports = [{ name: 'web', protocol: 'tcp', port: 80 }];
    const image = probe.imageWith('sockets', [], { ports });
    const line = `exec 3</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec ${PODCTL} ${rig.globals.join(' ')} --insecure-options=image run --net=none ${image} -- see`;
    const { stdout, stderr } = command(['/bin/sh', '-c', line]);
    const sight = JSON.parse(stdout) as Sight;
    assert.deepEqual(
      sight.fds.map(({ fd }) => fd),
      ['0', '1', '2'],
      stderr,
    );
    assert.doesNotMatch(sight.environ.join(), /LISTEN/);
  });

  it('B18 userAnnotations and userLabels take any key, and change nothing', () => {
    const strange = {
      userAnnotations: { '__proto__ ü': 'x', 'podctl/restart': 'always' },
      userLabels: { '': 'x', exec: '/bin/false' },
    };
    const { environ, cgroup, mountinfo, status, fds, ...rest } = seen(strange);
    const plain = seen({});
    assert.deepEqual([environ, rest.cmdline, rest.cwd], [plain.environ, plain.cmdline, plain.cwd]);
    assert.deepEqual(fds.length, plain.fds.length);
    assert.equal(mountinfo.split('\n').length, plain.mountinfo.split('\n').length);
    assert.deepEqual([cgroup, /Uid:\t0\t/.test(status)], [plain.cgroup, true]);
  });
});
