/** Volumes and mounts of pods on a real systemd. Numbers are those of appc §3.4 and §3.5. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { busyboxAci } from '../fixtures/aci';
import { needsHost, output, Rig } from '../rig/rig';

interface Manifest {
  readonly apps: readonly { readonly mounts: readonly object[] }[];
  readonly volumes: readonly object[];
}

describe('volumes', () => {
  let rig: Rig;
  let image: string;
  let pointed: string;
  let source: string;

  before(function () {
    needsHost(this);
    rig = new Rig();
    const files = [
      { name: 'rootfs/full/' },
      { name: 'rootfs/full/inside', content: 'image' },
      { name: 'rootfs/file', content: 'image' },
      { name: 'rootfs/link', type: '2', linkName: 'full' },
    ];
    image = rig.write('web.aci', busyboxAci({ name: 'example.com/web', files }));
    const mountPoints = [
      { name: 'data', path: '/data', readOnly: true },
      { name: 'cache', path: '/var/cache' },
    ];
    pointed = rig.write('db.aci', busyboxAci({ name: 'example.com/db', app: { mountPoints } }));
  });
  beforeEach(() => {
    source = fs.mkdtempSync(`${rig.root}/source-`);
    fs.chmodSync(source, 0o755);
    fs.writeFileSync(`${source}/f`, 'host\n');
  });
  after(() => rig?.dispose());

  const podctl = (command: string, ...args: string[]) => rig.podctl('--insecure-options=image', command, ...args);
  const run = (...args: string[]) => podctl('run', '--net=none', ...args);
  const sh = (script: string, ...words: string[]) => [...words, '--exec=/bin/sh', '--', '-c', script];
  const host = (more = ''): string => `--volume=data,kind=host,source=${source}${more}`;
  const at = (target: string, volume = 'data'): string => `--mount=volume=${volume},target=${target}`;
  const refused = (args: readonly string[], code: string, message: RegExp): void => {
    const before = rig.leftovers();
    const { status, stdout, stderr } = run(...args);
    assert.deepEqual([status, stdout], [254, ''], stderr);
    assert.match(stderr, new RegExp(`podctl: run: ${code}`));
    assert.match(stderr, message);
    assert.deepEqual(rig.leftovers(), before);
  };
  const manifestOf = (...args: string[]): Manifest => {
    const { stdout, stderr } = podctl('prepare', ...args);
    assert.match(stdout, /^[0-9a-f-]{36}\n$/, stderr);
    const shown = JSON.parse(rig.ok('cat-manifest', stdout.trim())) as Manifest;
    rig.ok('rm', stdout.trim());
    return shown;
  };

  it('JSON of a pod says what is mounted where, and what its user noted', () => {
    const flags = [host(',readOnly=true'), '--volume=cache,kind=empty', '--volume=fast,kind=tmpfs'];
    const notes = ['--user-annotation=c=d', '--user-label=a=b'];
    const { stdout } = podctl('prepare', ...flags, pointed, at('/fast', 'fast'), ...notes);
    interface Shown {
      readonly name: string;
      readonly user_annotations: object;
      readonly user_labels: object;
      readonly apps: readonly (Omit<Shown, 'apps'> & { readonly mounts: readonly { readonly name: string }[] })[];
    }
    const status = JSON.parse(rig.ok('status', '--format=json', stdout.trim())) as Shown;
    const [app] = status.apps;
    assert.deepEqual(
      [...(app?.mounts ?? [])].sort((a, b) => (a.name < b.name ? -1 : 1)),
      [
        {
          name: 'cache',
          container_path: '/var/cache',
          host_path: `${rig.dataDir}/pods/prepared/${status.name}/volumes/cache`,
          read_only: false,
        },
        { name: 'data', container_path: '/data', host_path: source, read_only: true },
        { name: 'fast', container_path: '/fast', host_path: null, read_only: false },
      ],
    );
    const notesOf = (one: Omit<Shown, 'apps' | 'name'> | undefined) => [one?.user_annotations, one?.user_labels];
    assert.deepEqual(
      [notesOf(status), notesOf(app)],
      [
        [{}, {}],
        [{ c: 'd' }, { a: 'b' }],
      ],
    );
    const listed = JSON.parse(rig.ok('list', '--format=json')) as Shown[];
    assert.deepEqual(
      listed.find(({ name }) => name === status.name),
      status,
    );
    rig.ok('rm', status.name);
  });

  it('D3 shows a directory of the host, with nosuid and nodev, and its submounts', () => {
    const inner = `${source}/inner`;
    fs.mkdirSync(inner);
    output('mount', '-t', 'tmpfs', 'none', inner);
    try {
      fs.writeFileSync(`${inner}/deep`, 'deep\n');
      const script = 'cat /data/f /data/inner/deep; echo app >/data/new; grep " /data" /proc/self/mountinfo';
      const { stdout, stderr } = run(host(), at('/data'), image, ...sh(script));
      assert.match(stdout, /^host\ndeep\n/, stderr);
      assert.match(stdout, / \/data rw,nosuid,nodev.*\n.* \/data\/inner rw,nosuid,nodev/);
      assert.equal(fs.readFileSync(`${source}/new`, 'utf8'), 'app\n');
      const flat = run(host(',recursive=false'), at('/data'), image, ...sh('ls /data/inner'));
      assert.deepEqual([flat.status, flat.stdout], [0, ''], 'recursive=false leaves submounts behind');
      const readOnly = run(host(',readOnly=true'), at('/data'), image, ...sh('echo >/data/f; echo >/data/inner/deep'));
      assert.equal(readOnly.stderr.match(/Read-only file system/g)?.length, 2, 'submounts are read-only, too');
    } finally {
      output('umount', inner);
    }
  });

  it('D3 makes empty volumes with mode and owner, shared by the apps, on disk and in memory', () => {
    for (const kind of ['empty', 'tmpfs']) {
      const volume = `--volume=data,kind=${kind},mode=1770,uid=1000,gid=1001`;
      const writer = sh('stat -c "%a %u %g" /a; echo hello >/a/x; echo done >/a/done', '--name=one', at('/a'));
      const reader = sh('until [ -e /b/done ]; do :; done; cat /b/x', '--name=two', at('/b'));
      const { status, stdout, stderr } = run(volume, image, ...writer, '---', image, ...reader);
      assert.deepEqual([status, stdout.split('\n').sort()], [0, ['', '1770 1000 1001', 'hello']], stderr);
    }
    const type = 'stat -f -c %T /a; stat -c "%a %u %g" /a; df -k /a | tail -n 1';
    assert.match(
      run('--volume=data,kind=tmpfs,size=64Ki', at('/a'), image, ...sh(type)).stdout,
      /^tmpfs\n755 0 0\n.* 64 /,
    );
    assert.doesNotMatch(run('--volume=data,kind=empty', at('/a'), image, ...sh(type)).stdout, /^tmpfs/);
  });

  it('D3 gives every pod its own empty volume, which goes with the pod', () => {
    const script = 'test ! -e /a/x && echo fresh >/a/x && cat /a/x';
    for (let i = 0; i < 2; i += 1) {
      assert.equal(run('--volume=v,kind=empty', at('/a', 'v'), image, ...sh(script)).stdout, 'fresh\n');
    }
    rig.ok('gc', '--grace-period=0s');
    rig.ok('gc', '--grace-period=0s');
    assert.deepEqual(rig.leftovers(), []);
  });

  it('D4 records volumes and mounts, and runs a prepared pod from them', () => {
    const flags = [host(',readOnly=false'), '--volume=v,kind=tmpfs,size=4096', at('/v', 'v'), pointed];
    const { apps, volumes } = manifestOf(...flags);
    assert.deepEqual(apps[0]?.mounts, [
      { volume: 'v', path: '/v' },
      { volume: 'data', path: '/data' },
      { volume: 'db-cache', path: '/var/cache' },
    ]);
    assert.deepEqual(volumes, [
      { name: 'data', readOnly: false, kind: 'host', source, recursive: true },
      { name: 'v', kind: 'empty', medium: 'memory', size: 4096, mode: '0755', uid: 0, gid: 0 },
      { name: 'db-cache', kind: 'empty', mode: '0755', uid: 0, gid: 0 },
    ]);
    const uuid = podctl('prepare', ...flags, ...sh('cat /data/f')).stdout.trim();
    assert.equal(rig.ok('run-prepared', '--net=none', uuid), 'host\n');
  });

  it('satisfies mount points by name, else by an implicit empty volume with a warning', () => {
    const { stdout, stderr } = run(host(), pointed, ...sh('cat /data/f; ls -A /var/cache; stat -c %a /var/cache'));
    assert.equal(stdout, 'host\n755\n');
    assert.match(stderr, /app "db": no volume specified for mount point "cache".*"db-cache"/);
    assert.match(run('--volume=other,kind=empty', image).stderr, /no app mounts volume "other": ignored/);
  });

  it("lets an app's mount win over the pod's on the same path, and refuses an unknown volume", () => {
    const script = sh('ls /y', at('/y//./', 'own'));
    assert.equal(run(host(), '--volume=own,kind=empty', at('/y'), image, ...script).stdout, '');
    refused([at('/y', 'x'), image], 'mount-dangling', /dangling mount point "\/y": volume "x" not found/);
  });

  it('V1 V2 makes missing targets, owned by root, 0755, on the way and at the end', () => {
    const script = 'cat /a/b/c/f; stat -c "%a %u %g" /a /a/b; umask';
    const { stdout } = run(host(), at('/a/b/c'), image, ...sh(script));
    assert.equal(stdout, 'host\n755 0 0\n755 0 0\n0022\n');
  });

  it('V3 V5 obscures what a directory of the image holds, and warns', () => {
    const { stdout, stderr } = run(host(), at('/full'), image, ...sh('ls /full'));
    assert.equal(stdout, 'f\n');
    assert.match(stderr, /app "web": volume "data" at \/full obscures what the image has there/);
  });

  it('V4 V5 replaces a file of the image by a directory, and warns', () => {
    const { stdout, stderr } = run(host(), at('/file'), image, ...sh('cat /file/f'));
    assert.equal(stdout, 'host\n', stderr);
    assert.match(stderr, /volume "data" at \/file replaces the file/);
    assert.equal(run(image, ...sh('cat /file')).stdout, 'image', 'the image itself stays as it is');
  });

  it('V6 refuses overlapping targets, also where links of the image make two the same', () => {
    const volumes = [host(), '--volume=v,kind=empty'];
    for (const [one, two] of [
      ['/a', '/a/'],
      ['/a', '/a/b'],
      ['/a/b/c', '/a'],
      ['/full', '/link'],
      ['/link/x', '/full'],
    ] as const) {
      refused([...volumes, image, at(one), at(two, 'v')], 'mount-overlap', /mount targets .* overlap/);
    }
    assert.equal(run(...volumes, image, ...sh('cat /a/f', at('/a'), at('/a-b', 'v'))).stdout, 'host\n');
  });

  it('V7 V8 makes nothing on the host, and refuses a source that is not there, when preparing and when starting', () => {
    const missing = `${source}/missing`;
    const volume = `--volume=data,kind=host,source=${missing}`;
    refused([volume, at('/data'), image], 'volume-source-missing', /there is no .*\/missing on the host/);
    assert.equal(fs.existsSync(missing), false);
    fs.mkdirSync(missing);
    const uuid = podctl('prepare', volume, at('/data'), image).stdout.trim();
    fs.rmdirSync(missing);
    const { status, stderr } = rig.podctl('run-prepared', '--net=none', uuid);
    assert.equal(status, 254);
    assert.match(stderr, /volume-source-missing/);
    assert.equal(fs.existsSync(missing), false);
    rig.ok('rm', uuid);
  });

  it('V9 takes single files, and devices with the device policy', () => {
    const file = `--volume=data,kind=host,source=${source}/f`;
    assert.equal(run(file, at('/etc/motd'), image, ...sh('cat /etc/motd')).stdout, 'host\n');
    refused([file, at('/full'), image], 'mount-target-refused', /directory of the image, and the volume is none/);
    const tun = (options: string, script: string) =>
      run(`--volume=t,kind=host,source=/dev/net/tun${options}`, at('/dev/net/tun', 't'), image, ...sh(script));
    const opened = tun('', 'exec 3<>/dev/net/tun && echo open');
    assert.equal(opened.stdout, 'open\n', opened.stderr);
    assert.equal(tun(',readOnly=true', 'exec 3</dev/net/tun && echo open').stdout, 'open\n');
    assert.match(tun(',readOnly=true', 'exec 3<>/dev/net/tun').stderr, /not permitted|Read-only/);
    const without = run(image, ...sh('mkdir /dev/net; mknod /dev/net/tun c 10 200; exec 3<>/dev/net/tun'));
    assert.match(without.stderr, /not permitted/, 'without the volume the device is refused');
    const words = ['--volume=t,kind=host,source=/dev/net/tun', image, '--name=has', at('/dev/net/tun', 't')];
    const other = sh('mknod /dev/tun c 10 200; exec 3<>/dev/tun', '--name=has-not');
    const { stderr } = run(...words, ...sh('exec 3<>/dev/net/tun'), '---', image, ...other);
    assert.match(stderr, /\/dev\/tun: Operation not permitted/, 'the device is for the app that mounts it');
    assert.doesNotMatch(stderr, /net\/tun/);
  });

  it('V10 V11 refuses symbolic links in the source, with the real path as a hint, unless they are allowed', () => {
    fs.mkdirSync(`${source}/real`);
    fs.writeFileSync(`${source}/real/f`, 'real\n');
    fs.symlinkSync('real', `${source}/link`);
    fs.mkdirSync(`${source}/real/sub`);
    for (const path of ['link', 'link/sub']) {
      const volume = `--volume=data,kind=host,source=${source}/${path}`;
      refused([volume, at('/data'), image], 'volume-source-symlink', new RegExp(`${source}/link is a symbolic link`));
      assert.match(run(volume, at('/data'), image).stderr, new RegExp(`hint: name ${source}/real.*follow=true`));
    }
    const followed = `--volume=data,kind=host,follow=true,source=${source}/link`;
    assert.equal(run(followed, at('/data'), image, ...sh('cat /data/f')).stdout, 'real\n');
  });

  it("V12 takes the volume's readOnly, else the mount point's", () => {
    for (const [word, target, writable] of [
      ['', '/data', false],
      [',readOnly=false', '/data', true],
      [',readOnly=true', '/data', false],
      [',readOnly=true', '/other', false],
      ['', '/other', true],
    ] as const) {
      const mounts = target === '/data' ? [] : ['--volume=v,kind=empty', at('/data', 'v'), at(target)];
      const { status } = run(host(word), ...mounts, pointed, ...sh(`echo >${target}/f`));
      assert.equal(status === 0, writable, `${word} ${target}`);
    }
  });

  it('D2 gives an app a volume of its own that no other app sees', () => {
    const id = rig.ok('--insecure-options=image', 'fetch', image).trim();
    const app = (name: string, exec: string, more: object = {}) => ({
      name,
      image: { id },
      app: { exec: ['/bin/sh', '-c', exec], user: '0', group: '0' },
      mounts: [{ volume: 'own', path: '/own', appVolume: { name: 'own', kind: 'empty', mode: '0700' } }],
      ...more,
    });
    const apps = [
      app('one', 'echo x >/own/x; stat -c %a /own; touch /shared/done', {}),
      app('two', 'until [ -e /shared/done ]; do :; done; ls -A /own'),
    ].map((one) => ({ ...one, mounts: [...one.mounts, { volume: 'shared', path: '/shared' }] }));
    const volumes = [{ name: 'shared', kind: 'empty' }];
    const file = rig.write('p.json', JSON.stringify({ acKind: 'PodManifest', acVersion: '0.8.11', apps, volumes }));
    const { status, stdout, stderr } = run(`--pod-manifest=${file}`);
    assert.deepEqual([status, stdout], [0, '700\n'], stderr);
  });
});
