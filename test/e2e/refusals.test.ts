/** What cannot be run is refused with its code, a clear sentence, and nothing left. Images and signatures have suites of their own. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { busyboxAci } from '../fixtures/aci';
import { command, needsHost, output, PODCTL, Rig } from '../rig/rig';

describe('refusals', () => {
  let rig: Rig;
  let image: string;

  before(function () {
    needsHost(this);
    rig = new Rig();
    image = rig.write('hello.aci', busyboxAci({ name: 'example.com/hello' }));
  });
  after(() => rig?.dispose());

  const cases: readonly [string, string[], string, RegExp][] = [
    [
      'a program that is not in the image',
      ['--exec=nope'],
      'exec-not-found',
      /tried \/usr\/local\/sbin\/nope, .*\/bin\/nope/,
    ],
    ['a path that is not in the image', ['--exec=/opt/nope'], 'exec-not-found', /tried \/opt\/nope/],
    ['a program that is a directory', ['--exec=/etc'], 'exec-not-found', /\/etc \(not an executable file\)/],
    ['B12 a working directory that is missing', ['--working-dir=/nowhere'], 'workdir-missing', /"\/nowhere"/],
    ['B12 a working directory that is a file', ['--working-dir=/etc/passwd'], 'workdir-missing', /passwd/],
    ['B9 a user the image does not have', ['--user=mallory'], 'user-unknown', /"mallory"/],
    ['an app name that is none', ['--name=No!'], 'invalid-name', /No!/],
    ['a variable that is none', ['--environment=1=2'], 'usage', /1=2/],
  ];
  for (const [what, flags, code, message] of cases) {
    it(what, () => {
      const { status, stdout, stderr } = rig.podctl('--insecure-options=image', 'run', '--net=none', image, ...flags);
      assert.deepEqual([status, stdout], [254, '']);
      assert.match(stderr, new RegExp(`^podctl: run: ${code}: `));
      assert.match(stderr, message);
      assert.deepEqual(rig.leftovers(), []);
    });
  }

  it('two apps with one name', () => {
    const { stderr } = rig.podctl('--insecure-options=image', 'run', image, image);
    assert.match(stderr, /usage: two apps of the pod are called "hello"/);
    assert.deepEqual(rig.leftovers(), []);
  });

  it('a file that is not there', () => {
    const { status, stderr } = rig.podctl('--insecure-options=image', 'run', '/no/such.aci');
    assert.equal(status, 254);
    assert.match(stderr, /image-file-unreadable: image file \/no\/such.aci does not exist/);
  });

  it('a program whose interpreter is missing: refused by the executor, nothing left, the reason told', () => {
    const script = rig.write(
      'script.aci',
      busyboxAci({
        name: 'example.com/script',
        exec: ['/bin/script'],
        files: [{ name: 'rootfs/bin/script', mode: 0o755, content: '#!/no/interpreter\n' }],
      }),
    );
    const { status, stderr } = rig.podctl('--insecure-options=image', 'run', '--net=none', script);
    assert.equal(status, 254);
    assert.match(stderr, /^podctl: run: exec-failed: .*\/bin\/script/);
    assert.match(stderr, /\/no\/interpreter/);
    assert.deepEqual(rig.leftovers(), []);
  });

  it('an image for another machine', () => {
    const labels = [
      { name: 'os', value: 'linux' },
      { name: 'arch', value: 's390x' },
    ];
    const foreign = rig.write('foreign.aci', busyboxAci({ name: 'example.com/foreign', labels }));
    assert.match(rig.podctl('--insecure-options=image', 'run', foreign).stderr, /image-unfit: .*linux\/s390x/);
  });

  it('a data directory on a file system that cannot hold an overlay: says so, and nothing left', () => {
    const below = `${rig.root}/overlay`;
    for (const name of ['lower', 'upper', 'work', 'merged']) fs.mkdirSync(`${below}/${name}`, { recursive: true });
    output(
      'mount',
      '-t',
      'overlay',
      'none',
      '-o',
      `lowerdir=${below}/lower,upperdir=${below}/upper,workdir=${below}/work`,
      `${below}/merged`,
    );
    try {
      const { status, stderr } = command([PODCTL, `--dir=${below}/merged`, '--insecure-options=image', 'run', image]);
      assert.equal(status, 254);
      assert.match(stderr, /pod-failed: .*overlay: mount .*EINVAL/);
      assert.match(stderr, /hint: .*--dir/);
      assert.deepEqual(fs.readdirSync(`${below}/merged/pods/run`), []);
    } finally {
      output('umount', `${below}/merged`);
    }
  });

  it('a full disk: says so, and nothing left', () => {
    const full = `${rig.root}/full`;
    fs.mkdirSync(full);
    output('mount', '-t', 'tmpfs', '-o', 'size=1m', 'none', full);
    try {
      const { status, stderr } = command([PODCTL, `--dir=${full}`, '--insecure-options=image', 'run', image]);
      assert.equal(status, 254);
      assert.match(stderr, /^podctl: run: io: .*ENOSPC/);
      assert.deepEqual(
        [fs.readdirSync(`${full}/images`), fs.readdirSync(`${full}/tmp`), fs.existsSync(`${full}/pods`)],
        [[], [], false],
      );
    } finally {
      output('umount', full);
    }
  });

  it('no systemd: says what was looked for and what to do', () => {
    const hidden = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none /run/systemd && exec "$@"', 'sh'];
    const { status, stderr } = command([...hidden, PODCTL, ...rig.globals, '--insecure-options=image', 'run', image]);
    assert.equal(status, 254);
    assert.match(stderr, /no-systemd: .*\/run\/systemd\/system/);
    assert.match(stderr, /hint: /);
    assert.deepEqual(rig.leftovers(), []);
  });

  it('no bus: the same, and nothing left', () => {
    const env = { ...process.env, DBUS_SYSTEM_BUS_ADDRESS: 'unix:path=/run/no-such-bus' };
    const { status, stderr } = command([PODCTL, ...rig.globals, '--insecure-options=image', 'run', image], { env });
    assert.equal(status, 254);
    assert.match(stderr, /no-systemd: .*\/run\/no-such-bus/);
    assert.deepEqual(rig.leftovers(), []);
  });

  it('not root', () => {
    const { status, stderr } = command(['setpriv', '--reuid=65534', '--clear-groups', PODCTL, 'run', 'x.aci']);
    assert.equal(status, 254);
    assert.match(stderr, /not-root: /);
  });
});
