/** Users of a pod's own (`--private-users`), seen from inside, from the host, and on disk. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { busyboxAci } from '../fixtures/aci';
import { BLOCK, FIRST, threeBlocks } from '../fixtures/subid';
import { needsHost, output, Rig } from '../rig/rig';

describe("users of a pod's own", () => {
  let rig: Rig;
  let image: string;
  before(function () {
    needsHost(this);
    rig = new Rig();
    image = rig.write(
      'hello.aci',
      busyboxAci({
        name: 'example.com/hello',
        files: [
          { name: 'rootfs/srv/', uid: 1000, gid: 1001 },
          { name: 'rootfs/srv/mine', content: 'mine', uid: 1000, gid: 1001 },
        ],
      }),
    );
  });
  threeBlocks();
  // An ended pod keeps its range until it is removed.
  afterEach(() => rig.removeEnded());
  after(() => rig?.dispose());

  const run = (...args: string[]) => rig.podctl('--insecure-options=image', 'run', '--net=none', ...args);
  const sh = (script: string, flags: readonly string[] = [], app: readonly string[] = []) =>
    run('--private-users', ...flags, image, ...app, '--exec=/bin/sh', '--', '-c', script);

  it('maps them to the first range that is free, for root and others, with their groups', () => {
    const script =
      "tr -s ' ' </proc/self/uid_map; tr -s ' ' </proc/self/gid_map; id; stat -c %n:%u:%g / /srv/mine /dev /dev/shm /tmp";
    const { stdout, stderr } = sh(script, [], ['--user=app', '--supplementary-gids=5,1001']);
    assert.deepEqual(
      stdout.split('\n').slice(0, -1),
      [
        ` 0 ${FIRST} ${BLOCK}`,
        ` 0 ${FIRST} ${BLOCK}`,
        'uid=1000(app) gid=0(root) groups=5,1001(extra)',
        '/:0:0',
        '/srv/mine:1000:1001',
        '/dev:0:0',
        '/dev/shm:0:0',
        '/tmp:0:0',
      ],
      stderr,
    );
  });

  it('I11 gives root its capabilities among them, and the network to bind low ports in', () => {
    const script =
      'grep -E "^Cap(Eff|Bnd)" /proc/self/status; nc -ll -p 80 -e true & p=$!; ' +
      'while ! grep -q ":0050 " /proc/net/tcp /proc/net/tcp6; do kill -0 $p || exit 1; done; echo bound; ' +
      'cat /proc/sys/net/ipv4/ip_local_port_range; kill $p';
    const { stdout, stderr } = sh(script);
    assert.match(stdout, /CapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nbound\n\d+\t\d+\n/, stderr);
  });

  it('lets no app signal, trace or look into the init, nor see the pod-level root', () => {
    const script =
      'kill -9 1; kill -0 1; ls /proc/1/root/; cat /proc/1/environ /proc/1/maps; ls -l /proc/1/fd /proc/1/cwd; echo alive';
    const { stdout, stderr, status } = sh(script);
    assert.deepEqual([status, stdout.includes('alive'), stdout.includes('apps')], [0, true, false], stderr);
    assert.equal(stderr.match(/not permitted/g)?.length, 2, stderr);
    assert.ok((stderr.match(/ermission denied/g)?.length ?? 0) >= 4, stderr);
  });

  it('makes every mount of the app a locked one', () => {
    const script =
      'for m in /proc/sys /proc/timer_list /dev/null /sys/fs/cgroup; do umount $m && echo freed; done; mount -o remount,rw /proc/sys && echo writable; echo done';
    const { stdout } = sh(script);
    assert.equal(stdout, 'done\n');
    const privileged = rig.podctl(
      '--insecure-options=image,capabilities',
      'run',
      '--net=none',
      '--private-users',
      image,
      '--exec=/bin/sh',
      '--',
      '-c',
      script,
    );
    assert.equal(privileged.stdout, 'done\n', privileged.stderr);
  });

  it('opens /dev/stdout again as root and as a user', () => {
    for (const user of ['0', '1000']) {
      const { stdout, stderr } = sh('echo one >/dev/stdout; echo two >/dev/stderr', [], [`--user=${user}`]);
      assert.deepEqual([stdout, stderr], ['one\n', 'two\n'], user);
    }
  });

  it('lets users use /dev/shm, /dev/mqueue, /tmp and a terminal', () => {
    const script =
      'cd /dev/shm && touch x && stat -c %u x; cd /dev/mqueue && touch q && stat -c %u q; cd /tmp && touch t && stat -c %u t; stat -c %a /dev/pts/ptmx';
    const { stdout, stderr } = sh(script, [], ['--user=1000']);
    assert.equal(stdout, '1000\n1000\n1000\n666\n', stderr);
  });

  it('changes no owner on disk: what apps make has the numbers they see', () => {
    const uuidFile = `${rig.root}/uuid-disk`;
    const script =
      'echo x >/srv/mine; touch /srv/new /root/new; chown 33:44 /srv/new; mkdir /home/dir; chmod 4755 /srv/new';
    const { status, stderr } = sh(script, [`--uuid-file-save=${uuidFile}`]);
    assert.equal(status, 0, stderr);
    const upper = `${rig.dataDir}/pods/run/${fs.readFileSync(uuidFile, 'utf8').trim()}/apps/hello/upper`;
    const owner = (name: string): number[] => {
      const { uid, gid } = fs.lstatSync(`${upper}/${name}`);
      return [uid, gid];
    };
    assert.deepEqual(
      [owner('srv/mine'), owner('srv/new'), owner('root/new'), owner('home/dir')],
      [
        [1000, 1001],
        [33, 44],
        [0, 0],
        [0, 0],
      ],
    );
  });

  it('names the file system that cannot be mapped, and leaves nothing', () => {
    const bare = `${rig.root}/nfs`;
    fs.mkdirSync(bare);
    // An overlay of its own as the data directory: the kernel cannot map it.
    for (const part of ['lower', 'upper', 'work', 'merged']) fs.mkdirSync(`${bare}/${part}`);
    output(
      'mount',
      '-t',
      'overlay',
      'overlay',
      '-o',
      `lowerdir=${bare}/lower,upperdir=${bare}/upper,workdir=${bare}/work`,
      `${bare}/merged`,
    );
    try {
      const globals = ['--insecure-options=image', `--dir=${bare}/merged/data`];
      const { status, stderr } = rig.podctl(...globals, 'run', '--private-users', '--no-overlay', '--net=none', image);
      assert.equal(status, 254);
      assert.match(
        stderr,
        /^podctl: run: filesystem-unmappable: pod .*: bind: mount_setattr .*\/rootfs: EINVAL \(its file system, overlay, cannot be mapped/,
      );
      assert.match(stderr, /--private-users/);
      assert.deepEqual(fs.readdirSync(`${bare}/merged/data/pods/run`), []);
    } finally {
      output('umount', `${bare}/merged`);
    }
  });

  it('V shows volumes with the owners they have on disk, and lets apps make files there as they are', () => {
    const source = `${rig.root}/volume`;
    fs.mkdirSync(source);
    fs.chownSync(source, 1000, 1001);
    fs.writeFileSync(`${source}/file`, 'of the host', { mode: 0o600 });
    fs.chownSync(`${source}/file`, 1000, 1001);
    const volumes = [
      `--volume=data,kind=host,source=${source},readOnly=false`,
      `--volume=file,kind=host,source=${source}/file`,
      '--volume=disk,kind=empty,mode=0700,uid=1000,gid=1001',
      '--volume=memory,kind=tmpfs,mode=0700,uid=1000,gid=1001',
      ...['data', 'file', 'disk', 'memory'].map((name) => `--mount=volume=${name},target=/v/${name}`),
    ];
    const script =
      'stat -c %n:%u:%g /v/*; cat /v/file; for d in data disk memory; do touch /v/$d/made && stat -c %u /v/$d/made; done';
    for (const flags of [[], ['--no-overlay'], ['--readonly-rootfs=true']]) {
      const pod = flags.filter((flag) => flag === '--no-overlay');
      const app = flags.filter((flag) => flag !== '--no-overlay');
      const { stdout, stderr } = sh(script, [...volumes, ...pod], ['--user=1000', '--group=1001', ...app]);
      const owned = ['data', 'disk', 'file', 'memory'].map((name) => `/v/${name}:1000:1001\n`).join('');
      assert.equal(stdout, `${owned}of the host1000\n1000\n1000\n`, `${flags}: ${stderr}`);
      const { uid, gid } = fs.statSync(`${source}/made`);
      assert.deepEqual([uid, gid], [1000, 1001]);
      fs.rmSync(`${source}/made`);
    }
  });

  it('V names a volume whose file system cannot be mapped', () => {
    const { status, stderr } = sh('true', ['--volume=v,kind=host,source=/sys/kernel', '--mount=volume=v,target=/v']);
    assert.equal(status, 254);
    assert.match(stderr, /filesystem-unmappable: .*mount_setattr \/sys\/kernel: EINVAL \(.*cannot be mapped/);
    assert.match(stderr, /hint: put the files on ext4/);
    assert.deepEqual(rig.leftovers(), []);
  });

  it('is in the plan, and changes nothing where it is not asked for', () => {
    const plan = (...flags: string[]) => rig.ok('--insecure-options=image', 'run', '--dry-run', ...flags, image);
    assert.match(
      plan('--private-users'),
      new RegExp(`^user-namespace ${FIRST} ${BLOCK}\n(?:.*\n)*mount devpts .* gid=${FIRST + 5} -`, 'm'),
    );
    for (const text of [plan(), plan('--private-users=false')]) assert.doesNotMatch(text, /user-namespace|idmap/);
    assert.deepEqual(rig.leftovers(), []);
  });
});
