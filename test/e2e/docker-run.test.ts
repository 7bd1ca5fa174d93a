/** `podctl run` of Docker and OCI images: what an image's author expects, whatever the image comes in. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import { busyboxLayer, dockerArchive, layer, layoutOf, type TestImage, TestLayout } from '../fixtures/oci';
import { FIRST, threeBlocks } from '../fixtures/subid';
import type { TarItem } from '../fixtures/tar-writer';
import { command, needsHost, type Outcome, output, PODCTL, Rig } from '../rig/rig';

const ACCOUNTS: readonly TarItem[] = [
  { name: 'etc/' },
  { name: 'etc/passwd', content: 'root:x:0:0::/root:/bin/sh\nweb:x:1000:1500:web:/srv/web:/bin/sh\n' },
  { name: 'etc/group', content: 'root:x:0:\nown:x:1500:\nweb:x:1600:\nmore:x:1700:web,other\n' },
];

describe('run of Docker and OCI images', () => {
  let rig: Rig;
  let base: ReturnType<typeof busyboxLayer>;
  let count = 0;
  before(function () {
    needsHost(this);
    rig = new Rig();
    base = busyboxLayer();
  });
  threeBlocks();
  afterEach(() => rig.removeEnded());
  after(() => rig?.dispose());

  /** A layout with this on top of busybox. */
  const image = (config: object, items: readonly TarItem[] = [], more: Partial<TestImage> = {}): string => {
    count += 1;
    const layers = [base, layer(items, 'gzip')];
    return `oci:${layoutOf({ layers, config, ...more }, 'v1').write(`${rig.root}/image-${count}`)}`;
  };
  const run = (what: string, ...args: string[]): Outcome => rig.podctl('run', '--net=none', what, ...args);
  const says = (what: string, ...args: string[]): string => {
    const { status, stdout, stderr } = run(what, ...args);
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const SHELL = { Entrypoint: ['/bin/sh', '-c'] };

  it('ENTRYPOINT and CMD, arguments in place of CMD, and --exec in place of both', () => {
    const both = image({ Entrypoint: ['/bin/echo', 'entry'], Cmd: ['command'] });
    assert.equal(says(both), 'entry command\n');
    assert.equal(says(both, '--', 'own', 'words'), 'entry own words\n');
    assert.equal(says(both, '--exec=/bin/echo', '--', 'only'), 'only\n');
    const one = image({ Cmd: ['/bin/echo', 'command'] });
    assert.equal(says(one), 'command\n');
    assert.equal(says(one, '--', 'echo', 'instead'), 'instead\n');
    assert.match(run(image({})).stderr, /image-unfit: .*--exec/s);
  });

  it('USER in all its forms, and the home it has', () => {
    const groups = (user: string, ...flags: string[]): string =>
      says(
        image({ ...SHELL, Cmd: ['grep -E "^(Uid|Gid|Groups)" /proc/self/status; echo $HOME'], User: user }, ACCOUNTS),
        ...flags,
      )
        .replace(/\t(\d+)\t\d+\t\d+\t\d+/g, ' $1')
        .replace(/[\t ]*\n/g, ' ')
        .replace(/\t/g, ' ')
        .trim();
    assert.equal(groups(''), 'Uid: 0 Gid: 0 Groups: /root');
    assert.equal(groups('web'), 'Uid: 1000 Gid: 1500 Groups: 1700 /srv/web');
    assert.equal(groups('1000'), 'Uid: 1000 Gid: 1500 Groups: 1700 /srv/web');
    assert.equal(groups('web:web'), 'Uid: 1000 Gid: 1600 Groups: /srv/web');
    assert.equal(groups('77'), 'Uid: 77 Gid: 0 Groups: /');
    assert.equal(groups('77:more'), 'Uid: 77 Gid: 1700 Groups: /');
    assert.equal(groups('web', '--user=0'), 'Uid: 0 Gid: 0 Groups: /root');
    assert.match(run(image({ Cmd: ['/bin/true'], User: 'nobody-knows' })).stderr, /user-unknown/);
  });

  it('WORKDIR is made if it is not there, ENV is what the image says', () => {
    const config = {
      ...SHELL,
      Cmd: ['pwd; env | grep -v -e PWD -e SHLVL'],
      WorkingDir: '/new/work/../dir',
      Env: ['A=1', 'NONE', 'A=2=3'],
    };
    assert.deepEqual(says(image(config)).split('\n').sort(), [
      '',
      '/new/dir',
      'A=2=3',
      `AC_APP_NAME=image-${count}`,
      'HOME=/root',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'container=podctl',
    ]);
    assert.equal(says(image(config), '--readonly-rootfs', '--', 'pwd'), '/new/dir\n');
  });

  it("VOLUME begins with the image's content, owner and mode, and is the pod's own", () => {
    const items = [
      { name: 'data/', mode: 0o750, uid: 33, gid: 44 },
      { name: 'data/seed', content: 'seed', uid: 33 },
    ];
    const config = {
      ...SHELL,
      Cmd: [
        'stat -c "%a %u:%g %n" /data /data/* /none; cat /data/seed; echo more >/data/seed; grep -c " /data " /proc/mounts',
      ],
      Volumes: { '/data': {}, '/none/': {} },
    };
    const expected = '750 33:44 /data\n644 33:0 /data/seed\n755 0:0 /none\nseed1\n';
    for (const flags of [[], ['--private-users'], ['--no-overlay'], ['--readonly-rootfs']]) {
      const [pod, app] = [
        flags.filter((flag) => !flag.includes('rootfs')),
        flags.filter((flag) => flag.includes('rootfs')),
      ];
      const { stdout, stderr } = rig.podctl('run', '--net=none', ...pod, image(config, items), ...app);
      assert.deepEqual([stdout, stderr], [expected, ''], flags.join(' '));
    }
    assert.ok(FIRST > 0);
    const other = rig.write('own/file', 'host');
    const volume = `volume-data,kind=host,source=${other.slice(0, -'/file'.length)}`.replace('volume-data', 'mine');
    const bound = rig.podctl(
      'run',
      '--net=none',
      `--volume=${volume}`,
      image(config, items),
      '--mount=volume=mine,target=/data',
      '--',
      'ls /data',
    );
    assert.equal(bound.stdout, 'file\n', bound.stderr);
  });

  it('layers lie over each other in every kind of root', () => {
    const below = layer([
      { name: 'd/' },
      { name: 'd/gone', content: '' },
      { name: 'd/kept', content: '' },
      { name: 'o/' },
      { name: 'o/gone', content: '' },
    ]);
    const above = layer([
      { name: 'd/' },
      { name: 'd/.wh.gone' },
      { name: 'o/' },
      { name: 'o/.wh..wh..opq' },
      { name: 'o/new', content: '' },
    ]);
    const place = `oci:${layoutOf({ layers: [base, below, above], config: { Cmd: ['/bin/ls', '/d', '/o'] } }).write(`${rig.root}/layers`)}`;
    for (const flags of [[], ['--private-users'], ['--no-overlay']])
      assert.equal(rig.ok('run', '--net=none', ...flags, place), '/d:\nkept\n\n/o:\nnew\n', flags.join(' '));
    assert.equal(rig.ok('store', 'check', '--deep'), '');
    assert.match(rig.ok('image', 'verify', 'localhost/layers'), /success/);
    rig.ok('image', 'render', '--rootfs-only', 'localhost/layers', `${rig.root}/rendered`);
    assert.deepEqual(
      [fs.readdirSync(`${rig.root}/rendered/d`), fs.readdirSync(`${rig.root}/rendered/o`)],
      [['kept'], ['new']],
    );
  });

  it('STOPSIGNAL ends it, and its exit status comes through', async () => {
    const trap = 'trap "echo caught; exit 7" INT; echo ready; while :; do sleep 0.05; done';
    const running = rig.start(
      'run',
      '--net=none',
      '--name=stopped',
      image({ ...SHELL, Cmd: [trap], StopSignal: 'SIGINT' }),
    );
    await once(running.child.stdout ?? running.child, 'data');
    rig.ok('stop', 'stopped');
    const { status, stdout } = await running.ended;
    assert.deepEqual([status, stdout], [7, 'ready\ncaught\n']);
    assert.equal(run(image({ ...SHELL, Cmd: ['exit 3'] })).status, 3);
    assert.equal(run(image({ ...SHELL, Cmd: ['kill -9 $$'] })).status, 137);
  });

  it('keeps labels, history, digests, the health check and what the manifest is annotated with', () => {
    const place = image(
      {
        Cmd: ['/bin/true'],
        Labels: { 'com.example': 'x' },
        Healthcheck: { Test: ['CMD', 'true'] },
        ExposedPorts: { '80/tcp': {}, '53/udp': {} },
      },
      [],
      {
        more: { created: '2024-01-02T03:04:05Z', author: 'somebody', history: [{ created_by: 'RUN true' }] },
        annotations: { 'org.opencontainers.image.title': 'Title', 'appc.io/docker/cmd': '["evil"]' },
      },
    );
    const id = rig.ok('fetch', '--full', place).trim();
    const manifest = JSON.parse(rig.ok('image', 'cat-manifest', id)) as {
      app: object;
      annotations: { name: string; value: string }[];
    };
    const said = Object.fromEntries(manifest.annotations.map(({ name, value }) => [name, value]));
    assert.deepEqual(said['org.opencontainers.image.title'], 'Title');
    assert.deepEqual([said['created'], said['authors']], ['2024-01-02T03:04:05Z', 'somebody']);
    assert.equal(said['appc.io/docker/cmd'], '["/bin/true"]');
    assert.equal(said['appc.io/docker/healthcheck'], '{"Test":["CMD","true"]}');
    assert.equal(said['appc.io/docker/history'], '[{"created_by":"RUN true"}]');
    assert.match(said['appc.io/docker/manifesthash'] ?? '', /^sha256:/);
    const { userLabels, ports } = manifest.app as { userLabels: object; ports: object[] };
    assert.deepEqual(userLabels, { 'com.example': 'x' });
    assert.deepEqual(ports, [
      { name: '53-udp', port: 53, protocol: 'udp' },
      { name: '80-tcp', port: 80, protocol: 'tcp' },
    ]);
  });

  it('takes layouts, archives, compressed ones and standard input, and one of several images', () => {
    const config = { ...SHELL, Cmd: ['echo $WHICH'] };
    const of = (which: string): TestImage => ({ layers: [base], config: { ...config, Env: [`WHICH=${which}`] } });
    const layout = new TestLayout();
    layout.add(layout.image(of('one')), '1').add(layout.image(of('two')), 'example.com/web:2');
    const oci = rig.write('several.oci', layout.archive());
    const saved = rig.write(
      'several:1.tar',
      dockerArchive([
        { ...of('three'), tags: ['web:3', 'web:latest'] },
        { ...of('four'), tags: [] },
      ]),
    );
    const flat = rig.write('flat.tar', dockerArchive([{ ...of('five'), tags: [] }], 'flat'));
    for (const [place, said] of [
      [`oci:${layout.write(`${rig.root}/several`)}:1`, 'one'],
      [`oci-archive:${oci}:example.com/web:2`, 'two'],
      [`oci-archive:${oci}:2`, 'two'],
      [`docker-archive:${saved}:web:3`, 'three'],
      [`docker-archive:${saved}:web`, 'three'],
      [`docker-archive:${saved}:@1`, 'four'],
      [`docker-archive:${flat}`, 'five'],
    ] as const)
      assert.equal(says(place), `${said}\n`, place);
    output('gzip', '-k', flat);
    assert.equal(says(`docker-archive:${flat}.gz`), 'five\n');
    const piped = command([
      'sh',
      '-c',
      `cat ${flat} | "$0" "$@"`,
      PODCTL,
      ...rig.globals,
      'run',
      '--net=none',
      'docker-archive:-',
    ]);
    assert.deepEqual([piped.status, piped.stdout], [0, 'five\n'], piped.stderr);
    assert.match(run(`oci-archive:${oci}`).stderr, /image-tag-unknown: .*"1", "example\.com\/web:2"/);
    assert.deepEqual(
      rig.leftovers().filter((path) => path.startsWith('tmp')),
      [],
    );
  });
});
