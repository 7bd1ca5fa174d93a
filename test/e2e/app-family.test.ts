/** `podctl app …`: pods whose apps come and go, on a real systemd. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { busyboxAci } from '../fixtures/aci';
import { said } from '../rig/events';
import { command, needsHost, output, PODCTL, Rig, until } from '../rig/rig';
import { Sandbox } from '../rig/sandbox';

const LOOP = 'echo up; trap "echo bye; exit 0" TERM; while :; do sleep 0.05; done';

describe('app family', () => {
  let rig: Rig;
  let image: string;
  let sandbox: Sandbox;

  before(function () {
    needsHost(this);
    rig = new Rig();
    image = rig.write('tool.aci', busyboxAci({ name: 'example.com/tool', exec: ['/bin/sh', '-c', LOOP] }));
  });
  after(() => rig?.dispose());
  beforeEach(() => {
    sandbox = new Sandbox(rig);
  });
  afterEach(() => sandbox?.dispose());

  const insecure = '--insecure-options=image';
  /** One that must succeed, on another pod. */
  const of = (verb: string, uuid: string, ...args: string[]): string => rig.ok(insecure, 'app', verb, uuid, ...args);

  it('a sandbox stays without apps, and ends when it is stopped', () => {
    assert.match(rig.ok('status', sandbox.pod), /^state=running$/m);
    assert.equal(sandbox.ok('list'), 'NAME\tSTATE\n');
    assert.deepEqual(sandbox.apps(), []);
    assert.match(output('machinectl', 'list', '--no-legend'), new RegExp(sandbox.pod));
    rig.ok('stop', sandbox.pod);
    assert.match(rig.ok('status', sandbox.pod), /^state=exited$/m);
  });

  it('add, start, stop, start again, rm', async () => {
    const before = sandbox.mounts();
    assert.equal(sandbox.ok('add', image, '--name=one', '--environment=A=1'), 'one\n');
    assert.equal(sandbox.ok('list'), 'NAME\tSTATE\none\tcreated\n');
    const status = sandbox.ok('status', '--app=one');
    assert.match(status, /^name=one\nstate=created\nimage_id=sha512-[0-9a-f]{128}\ncreated_at=\S+\n$/);
    sandbox.ok('start', '--app=one');
    await said(sandbox.pod, 'up');
    assert.match(sandbox.ok('status'), /^state=running$/m);
    assert.equal(sandbox.ok('exec', 'sh', '-c', 'echo $A $AC_APP_NAME; hostname'), `1 one\npodctl-${sandbox.pod}\n`);
    assert.match(rig.ok('list'), /one\s+example.com\/tool\s+running/);
    assert.match(rig.ok('cat-manifest', sandbox.pod), /"name": "one"/);
    sandbox.ok('stop');
    assert.match(sandbox.ok('status'), /state=exited\n(.*\n)*finished_at=\S+\nexit_code=0\nreason=stopped\n$/);
    sandbox.ok('start');
    assert.deepEqual(
      sandbox.apps().map(({ name, state }) => [name, state]),
      [['one', 'running']],
    );
    await said(sandbox.pod, 'up', 2);
    sandbox.ok('stop', '--force');
    sandbox.ok('rm');
    assert.deepEqual(sandbox.apps(), []);
    assert.deepEqual(sandbox.mounts(), before);
    assert.deepEqual(fs.readdirSync(`${sandbox.directory}/apps`), []);
    assert.deepEqual(fs.readdirSync(`${sandbox.directory}/status`), []);
    assert.equal(/"name": "one"/.test(rig.ok('cat-manifest', sandbox.pod)), false);
    assert.match(rig.ok('status', sandbox.pod), /^state=running$/m);
    output('journalctl', '--sync');
    const lines = output('journalctl', '-o', 'cat', '-t', 'one', `POD_UUID=${sandbox.pod}`);
    assert.deepEqual(
      lines.split('\n').filter((line) => line !== ''),
      ['up', 'bye', 'up'],
    );
  });

  it('apps of a sandbox share what apps of a pod share, and fail without ending it', () => {
    const sh = (name: string, script: string): void => {
      sandbox.ok('add', image, `--name=${name}`, '--exec=/bin/sh', '--', '-c', script);
      sandbox.ok('start', `--app=${name}`);
    };
    sh('first', 'hostname > /dev/shm/name; echo $$ > /dev/shm/pid; sleep 1000');
    sh('second', 'kill -0 $(cat /dev/shm/pid) && [ "$(hostname)" = "$(cat /dev/shm/name)" ] && exit 7');
    const failed = (): true | undefined =>
      sandbox.apps().find(({ name }) => name === 'second')?.exit_code === 7 ? true : undefined;
    return until(failed, 'the second app').then(() => {
      assert.match(rig.ok('status', sandbox.pod), /^state=running$/m);
      const { status, stderr } = sandbox.app('stop', sandbox.pod);
      assert.equal(status, 254);
      assert.match(stderr, /app-not-found: the pod has several apps: first, second/);
    });
  });

  it('a pod made by run takes apps, too, and ends as it would have', async () => {
    const uuid = rig.ok(insecure, 'run', '--net=none', '--detach', image, '--name=main').trim();
    of('add', uuid, image, '--name=extra');
    of('start', uuid, '--app=extra');
    assert.deepEqual(
      (JSON.parse(of('list', uuid, '--format=json')) as { name: string; state: string }[]).map(({ name, state }) => [
        name,
        state,
      ]),
      [
        ['main', 'running'],
        ['extra', 'running'],
      ],
    );
    await said(uuid, 'up', 2);
    of('stop', uuid, '--app=main');
    assert.match(rig.ok('status', uuid), /^state=running$/m);
    of('stop', uuid, '--app=extra');
    await until(() => (/^state=exited$/m.test(rig.ok('status', uuid)) ? true : undefined), 'the end of the pod');
    // What an app that joined has left can be exported like any other's.
    rig.ok('export', '--app=extra', uuid, `${rig.root}/extra.aci`);
    rig.ok('rm', uuid);
  });

  it('refuses, with rkt’s exit statuses, and leaves the pod as it was', () => {
    const refused = (status: number, pattern: RegExp, verb: string, ...args: string[]): void => {
      const outcome = sandbox.app(verb, ...args);
      assert.equal(outcome.status, status, `${verb} ${args.join(' ')}: ${outcome.stderr}`);
      assert.match(outcome.stderr, pattern);
    };
    refused(1, /pod-not-found/, 'list', '00000000-ffff');
    refused(1, /app-not-found: the pod has no apps/, 'status', sandbox.pod);
    refused(254, /unknown flag --nonsense/, 'list', sandbox.pod, '--nonsense');
    refused(254, /usage: must provide an image/, 'add', sandbox.pod);
    refused(254, /image-not-found/, 'add', sandbox.pod, 'sha512-0123');
    refused(254, /exec-not-found/, 'add', sandbox.pod, image, '--exec=/bin/absent');
    refused(254, /app-not-found/, 'start', sandbox.pod, '--app=none');
    sandbox.ok('add', image, '--name=one');
    refused(254, /app-exists/, 'add', sandbox.pod, image, '--name=one');
    sandbox.ok('start');
    refused(254, /app-wrong-state: one: it has not ended/, 'rm', sandbox.pod);
    refused(254, /app-not-found: the pod has no app "two", only one/, 'stop', sandbox.pod, '--app=two');
    assert.deepEqual(sandbox.names(), ['one']);
    rig.ok('stop', sandbox.pod);
    refused(254, /pod-wrong-state: .* is exited, not running/, 'start', sandbox.pod);
    refused(254, /pod-wrong-state: .* is exited, not running/, 'add', sandbox.pod, image);
    assert.match(sandbox.ok('list'), /one\s+exited/);
  });

  it('a program that cannot be executed is told to who starts it', () => {
    const bad = rig.write(
      'bad.aci',
      busyboxAci({
        name: 'example.com/bad',
        exec: ['/bin/bad'],
        files: [{ name: 'rootfs/bin/bad', mode: 0o755, content: '#!/no/such\n' }],
      }),
    );
    sandbox.ok('add', bad);
    const { status, stderr } = sandbox.app('start', sandbox.pod);
    assert.equal(status, 254);
    assert.match(stderr, /app-failed: bad: .*\/no\/such/);
    assert.match(rig.ok('status', sandbox.pod), /^state=running$/m);
  });

  it('works with users of the pod’s own, and with copied roots', async () => {
    const script = 'id -u; cat /proc/self/uid_map; stat -c %u /bin/busybox; touch /written && echo wrote';
    for (const flags of [['--private-users=3000000'], ['--no-overlay'], ['--no-overlay', '--private-users=3000000']]) {
      const uuid = rig.ok('app', 'sandbox', '--net=none', '--detach', ...flags).trim();
      of('add', uuid, image, '--name=who', '--exec=/bin/sh', '--', '-c', script);
      of('start', uuid);
      await said(uuid, 'wrote');
      of('stop', uuid);
      rig.ok('stop', uuid);
      output('journalctl', '--sync');
      const lines = output('journalctl', '-o', 'cat', '-t', 'who', `POD_UUID=${uuid}`).trim().split('\n');
      const range = flags.some((flag) => flag.includes('users')) ? /^0 3000000 65536$/ : /^0 0 4294967295$/;
      assert.match((lines[1] ?? '').trim().replace(/ +/g, ' '), range);
      assert.deepEqual([lines[0], lines[2], lines[3]], ['0', '0', 'wrote'], flags.join(' '));
      rig.ok('rm', uuid);
    }
  });

  it('brings volumes along: its own, those the pod has, and implicit ones, and keeps them', async () => {
    const shared = `${rig.root}/shared`;
    fs.mkdirSync(shared);
    const sh = async (name: string, script: string, ...flags: string[]): Promise<void> => {
      sandbox.ok('add', image, `--name=${name}`, ...flags, '--exec=/bin/sh', '--', '-c', script);
      sandbox.ok('start', `--app=${name}`);
      const ended = () => sandbox.apps().find((app) => app.name === name)?.state === 'exited';
      await until(() => (ended() ? true : undefined), `the end of ${name}`);
    };
    const volumes = [
      `--mnt-volume=name=shared,kind=host,source=${shared},target=/host`,
      '--mnt-volume=name=scratch,kind=empty,mode=0700,target=/scratch',
    ];
    await sh(
      'one',
      'echo of one > /host/file; echo kept > /scratch/file; stat -c %a /scratch > /host/mode',
      ...volumes,
    );
    assert.equal(fs.readFileSync(`${shared}/file`, 'utf8'), 'of one\n');
    assert.equal(fs.readFileSync(`${shared}/mode`, 'utf8'), '700\n');
    sandbox.ok('rm', '--app=one');
    // The pod has them still.
    const mounts = ['--mount=volume=shared,target=/a', '--mount=volume=scratch,target=/b'];
    await sh('two', 'cat /b/file > /a/second; touch /a/x', ...mounts, '--readonly-rootfs');
    assert.equal(fs.readFileSync(`${shared}/second`, 'utf8'), 'kept\n');
    const bad = sandbox.app(
      'add',
      sandbox.pod,
      image,
      '--name=bad',
      '--mnt-volume=name=v,kind=host,source=/absent,target=/x',
    );
    assert.deepEqual([bad.status, /volume-source-missing/.test(bad.stderr)], [254, true]);
    const dangling = sandbox.app('add', sandbox.pod, image, '--name=bad', '--mount=volume=none,target=/x');
    assert.match(dangling.stderr, /mount-dangling/);
    assert.match(
      sandbox.app('add', sandbox.pod, image, '--mnt-volume=name=v,kind=empty').stderr,
      /usage: --mnt-volume=.*wants target=/,
    );
    assert.deepEqual(sandbox.names(), ['two']);
    const manifest = JSON.parse(rig.ok('cat-manifest', sandbox.pod)) as { volumes: { name: string }[] };
    assert.deepEqual(
      manifest.volumes.map(({ name }) => name),
      ['shared', 'scratch'],
    );
  });

  it('twenty adds at once all succeed', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `app${i}`);
    const done = names.map((name) => rig.start(insecure, 'app', 'add', sandbox.pod, image, `--name=${name}`).ended);
    for (const { status, stderr } of await Promise.all(done)) assert.equal(status, 0, stderr);
    assert.deepEqual(
      sandbox
        .apps()
        .map(({ name }) => name)
        .sort(),
      [...names].sort(),
    );
    assert.equal(
      sandbox
        .live()
        .split('\n')
        .filter((line) => line.endsWith(' created')).length,
      20,
    );
  });

  it('rejects --port and --annotation that are none, and keeps the others in the manifest', () => {
    const bad = (...flags: string[]): void => {
      const { status, stderr } = rig.podctl('app', 'sandbox', '--detach', ...flags);
      assert.equal(status, 1, stderr);
      assert.match(stderr, /usage: --/);
    };
    bad('--port=web');
    bad('--port=web:tcp:0:80');
    bad('--port=web:tcp:80:nowhere:80');
    bad('--annotation=x');
    const flags = ['--port=web:tcp:80:127.0.0.1:8080', '--annotation=a/b=c', '--user-label=k=v'];
    const uuid = rig.ok('app', 'sandbox', '--net=none', '--detach', ...flags).trim();
    const manifest = JSON.parse(rig.ok('cat-manifest', uuid)) as Record<string, unknown>;
    const annotations = [
      { name: 'a/b', value: 'c' },
      { name: 'podctl/exit-policy', value: 'stop' },
    ];
    const podPort = { name: 'web', port: 80, protocol: 'tcp' };
    assert.deepEqual(manifest['ports'], [{ name: 'web', hostPort: 8080, hostIP: '127.0.0.1', podPort }]);
    assert.deepEqual([manifest['annotations'], manifest['userLabels']], [annotations, { k: 'v' }]);
    rig.ok('stop', uuid);
    rig.ok('rm', uuid);
  });

  it('needs root', () => {
    const { status, stderr } = command([
      'setpriv',
      '--reuid=65534',
      '--clear-groups',
      PODCTL,
      'app',
      'rm',
      sandbox.pod,
    ]);
    assert.deepEqual([status, /not-root/.test(stderr)], [254, true]);
  });
});
