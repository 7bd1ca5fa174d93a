/** System call filters as an app meets them (appc I7–I10): a static program in the image makes the calls. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { busyboxAci } from '../fixtures/aci';
import { staticProgram } from '../fixtures/program';
import { needsHost, Rig } from '../rig/rig';
import { skip } from '../runner/skip';

const REMOVE = 'os/linux/seccomp-remove-set';
const RETAIN = 'os/linux/seccomp-retain-set';
/** What a static program needs before it comes to anything else. */
const STARTUP =
  'arch_prctl,brk,set_tid_address,set_robust_list,rseq,prlimit64,readlink,readlinkat,getrandom,mprotect,mmap,fstat,newfstatat,write';

describe('system call filters', () => {
  let rig: Rig;
  let image: string;
  const files = () => [{ name: 'rootfs/bin/syscalls', mode: 0o755, content: staticProgram('syscalls') }];

  before(function () {
    needsHost(this);
    rig = new Rig();
    image = rig.write('probe.aci', busyboxAci({ name: 'example.com/probe', exec: ['/bin/syscalls'], files: files() }));
  });
  after(() => rig?.dispose());

  const run = (file: string, flags: readonly string[], calls: readonly string[], insecure = 'image') =>
    rig.podctl(`--insecure-options=${insecure}`, 'run', '--net=none', file, ...flags, '--', ...calls);
  /** What each call came to. */
  const results = (stdout: string): Record<string, string> =>
    Object.fromEntries(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split(': ') as [string, string]),
    );
  const probe = (flags: readonly string[], ...calls: readonly string[]) => {
    const { status, stdout, stderr } = run(image, flags, calls);
    assert.equal(status, 0, stderr);
    return results(stdout);
  };

  it('refuse by default what administers the host or leaves the namespaces, and let programs work', () => {
    const calls = [
      'getpid',
      'keyctl',
      'unshare',
      'setns',
      'mount',
      'bpf',
      'clone',
      'clone-newuser',
      'clone3',
      'io_uring',
      'reboot',
    ];
    assert.deepEqual(probe([], ...calls), {
      getpid: 'ok',
      keyctl: 'EPERM',
      unshare: 'EPERM',
      setns: 'EPERM',
      mount: 'EPERM',
      bpf: 'EPERM',
      clone: 'ok',
      'clone-newuser': 'EPERM',
      clone3: 'ENOSYS',
      io_uring: 'EPERM',
      reboot: 'EPERM',
    });
    assert.deepEqual(probe([], 'personality', 'personality-randomize', 'unix', 'vsock', 'ptrace', 'chroot'), {
      personality: 'ok',
      'personality-randomize': 'EPERM',
      unix: 'ok',
      vsock: 'EPERM',
      ptrace: 'ok',
      chroot: 'ENOENT',
    });
  });

  it('answer calls they never heard of as a kernel without them would', () =>
    assert.deepEqual(probe([], 'newest'), { newest: 'ENOSYS' }));

  it('hold for the calls of 32-bit programs, and refuse x32', function () {
    if (process.arch !== 'x64') skip(this, 'only x86-64 has programs of 32 bits and x32');
    assert.deepEqual(probe([], 'i386', 'x32'), { i386: 'ok', x32: 'ENOSYS' });
    assert.deepEqual(probe(['--seccomp=mode=remove,errno=EACCES,getpid'], 'i386', 'x32', 'getpid'), {
      i386: 'EACCES',
      x32: 'EACCES',
      getpid: 'EACCES',
    });
  });

  it('give back what a capability permits', () => {
    const flags = ['--caps-retain=CAP_SYS_ADMIN'];
    assert.deepEqual(probe(flags, 'mount', 'unshare', 'bpf', 'clone3', 'keyctl', 'chroot'), {
      mount: 'ENOENT',
      unshare: 'ok',
      bpf: 'EINVAL',
      clone3: 'EINVAL',
      keyctl: 'EPERM',
      chroot: 'EPERM',
    });
  });

  it('I7 a remove-set blocks its calls and the default blacklist, nothing else', () => {
    assert.deepEqual(
      probe(['--seccomp=mode=remove,errno=ENOTSUP,mkdirat'], 'mkdir', 'keyctl', 'mount', 'clone-newuser', 'newest'),
      {
        mkdir: 'EOPNOTSUPP',
        keyctl: 'EOPNOTSUPP',
        mount: 'EOPNOTSUPP',
        'clone-newuser': 'ok',
        newest: 'ENOSYS',
      },
    );
  });

  it('I8 without an errno the app dies of SIGSYS, and status and podctl say so', () => {
    const uuid = `${rig.root}/uuid`;
    const { status, stdout } = rig.podctl(
      '--insecure-options=image',
      'run',
      '--net=none',
      `--uuid-file-save=${uuid}`,
      image,
      '--seccomp=mode=remove,mkdirat',
      '--',
      'getpid',
      'mkdir',
      'getpid',
    );
    assert.equal(status, 128 + 31);
    assert.deepEqual(results(stdout), { getpid: 'ok' });
    assert.match(rig.ok('status', fs.readFileSync(uuid, 'utf8').trim()), /^app-probe=159\napp-probe-reason=seccomp$/m);
  });

  it('I10 a retain-set allows its calls and the life cycle only', () => {
    assert.deepEqual(
      probe([`--seccomp=mode=retain,errno=EUCLEAN,${STARTUP},personality`], 'personality', 'mkdir', 'getpid', 'clone'),
      {
        personality: 'ok',
        mkdir: 'EUCLEAN',
        getpid: 'EUCLEAN',
        clone: 'EUCLEAN',
      },
    );
    assert.equal(run(image, [`--seccomp=mode=retain,${STARTUP}`], ['getpid']).status, 159);
  });

  it('I10 whitelists of other systems can be retained, and widened', () => {
    for (const list of ['@docker/default-whitelist', '@rkt/default-whitelist']) {
      assert.deepEqual(
        probe(
          [`--seccomp=mode=retain,errno=EPERM,${list},keyctl`],
          'getpid',
          'mount',
          'keyctl',
          'clone-newuser',
          'clone3',
        ),
        {
          getpid: 'ok',
          mount: 'EPERM',
          keyctl: 'EINVAL',
          'clone-newuser': 'EPERM',
          clone3: 'ENOSYS',
        },
      );
    }
    const { mount, getpid } = probe(
      ['--seccomp=mode=retain,errno=EPERM,@systemd/default-whitelist'],
      'getpid',
      'mount',
    );
    assert.deepEqual([getpid, mount], ['ok', 'ENOENT']);
  });

  for (const flags of ['--seccomp=mode=remove,@appc.io/empty', '--seccomp=mode=retain,@appc.io/all']) {
    it(`I9 I10 ${flags} opts out`, () => {
      assert.deepEqual(probe([flags], 'keyctl', 'clone3', 'unshare'), {
        keyctl: 'EINVAL',
        clone3: 'EINVAL',
        unshare: 'ok',
      });
    });
  }

  it('--insecure-options=seccomp switches filters off, and says so of those that were asked for', () => {
    const { stdout, stderr } = run(image, ['--seccomp=mode=remove,mkdirat'], ['keyctl', 'mkdir'], 'image,seccomp');
    assert.deepEqual(results(stdout), { keyctl: 'EINVAL', mkdir: 'ok' });
    assert.match(stderr, /seccomp-remove-set ignored: switched off by --insecure-options=seccomp/);
  });

  it('I2 a name that no system call has is told, and the rest enforced', () => {
    const { status, stdout, stderr } = run(image, ['--seccomp=mode=remove,errno=EPERM,mkdirat,frobnicate'], ['mkdir']);
    assert.deepEqual([status, results(stdout)], [0, { mkdir: 'EPERM' }]);
    assert.match(stderr, /seccomp-remove-set adjusted: .*"frobnicate"/);
    // The second time it comes from the cache.
    assert.match(
      run(image, ['--seccomp=mode=remove,errno=EPERM,mkdirat,frobnicate'], ['mkdir']).stderr,
      /"frobnicate"/,
    );
  });

  it("I7 comes from the image's manifest as from a flag, and the flag replaces it", () => {
    const isolators = [{ name: REMOVE, value: { set: ['mkdirat'], errno: 'EXDEV' } }];
    const own = rig.write(
      'own.aci',
      busyboxAci({ name: 'example.com/own', exec: ['/bin/syscalls'], app: { isolators }, files: files() }),
    );
    assert.deepEqual(results(run(own, [], ['mkdir']).stdout), { mkdir: 'EXDEV' });
    assert.deepEqual(results(run(own, ['--seccomp=mode=retain,@appc.io/all'], ['mkdir']).stdout), { mkdir: 'ok' });
  });

  it('a user with a filter gains no privileges', () => {
    const flags = ['--user=app', '--group=app', '--exec=/bin/grep'];
    const { stdout } = run(image, flags, ['-E', '^(NoNewPrivs|Seccomp):', '/proc/self/status']);
    assert.equal(stdout, 'NoNewPrivs:\t1\nSeccomp:\t2\n');
  });

  it('the program of a filter is compiled once, and again when its file is damaged', () => {
    const kept = () => fs.readdirSync(`${rig.dataDir}/seccomp`).sort();
    const flags = ['--seccomp=mode=remove,errno=EPERM,mkdirat,symlinkat'];
    const before = kept();
    assert.equal(run(image, flags, ['mkdir']).stdout, 'mkdir: EPERM\n');
    const [file = ''] = kept().filter((name) => !before.includes(name));
    const { ino } = fs.statSync(`${rig.dataDir}/seccomp/${file}`);
    assert.equal(run(image, flags, ['mkdir']).stdout, 'mkdir: EPERM\n');
    assert.equal(fs.statSync(`${rig.dataDir}/seccomp/${file}`).ino, ino);
    fs.truncateSync(`${rig.dataDir}/seccomp/${file}`, 200);
    assert.equal(run(image, flags, ['mkdir']).stdout, 'mkdir: EPERM\n');
    assert.notEqual(fs.statSync(`${rig.dataDir}/seccomp/${file}`).ino, ino);
  });

  for (const [flag, message] of [
    ['mode=remove,@systemd/no-such', /there is no wildcard "@systemd\/no-such"/],
    ['mode=remove,execve', /without "execve" no app begins or ends/],
    ['mode=retain', /"set" is empty/],
    ['mode=remove,errno=ENOPE,mkdirat', /there is no error "ENOPE"/],
    ['mode=both,mkdirat', /says no mode/],
    ['mkdirat', /says no mode/],
  ] as const) {
    it(`I9 refuses --seccomp=${flag}, and leaves nothing`, () => {
      const before = rig.leftovers();
      const { status, stderr } = run(image, [`--seccomp=${flag}`], ['getpid']);
      assert.equal(status, 254);
      assert.match(stderr, message);
      assert.deepEqual(rig.leftovers(), before);
    });
  }

  it(`I9 ${REMOVE} and ${RETAIN} exclude each other`, () => {
    const isolators = [REMOVE, RETAIN].map((name) => ({ name, value: { set: ['mkdirat'] } }));
    const both = rig.write('both.aci', busyboxAci({ name: 'example.com/both', app: { isolators } }));
    const { status, stderr } = rig.podctl('--insecure-options=image', 'run', '--net=none', both);
    assert.equal(status, 254);
    assert.match(stderr, /exclude each other/);
  });
});
