/** A hostile app (test/fixtures/adversary.c) against the pod's init, its own root, and whoever is brought in by `podctl enter`. */
import assert from 'node:assert/strict';
import { busyboxAci } from '../fixtures/aci';
import { staticProgram } from '../fixtures/program';
import { setAside, threeBlocks } from '../fixtures/subid';
import { needsHost, output, Rig, until } from '../rig/rig';

/** Root of the host without a filter, then what podctl gives by default, then what it gives at best. */
const SETTINGS: readonly (readonly [string, string, readonly string[]])[] = [
  ['of root without a filter', 'image,seccomp', []],
  ['of root', 'image', []],
  ['of a user', 'image', ['--user=app']],
  ['among users of its own', 'image,seccomp', ['--private-users']],
];

describe('a hostile app', () => {
  let rig: Rig;
  let image: string;

  before(function () {
    needsHost(this);
    rig = new Rig();
    const files = [{ name: 'rootfs/bin/adversary', mode: 0o755, content: staticProgram('adversary') }];
    image = rig.write('hostile.aci', busyboxAci({ name: 'example.com/hostile', exec: ['/bin/adversary'], files }));
  });
  after(() => rig?.dispose());
  threeBlocks();

  const globals = (insecure: string): readonly string[] => [...rig.globals, `--insecure-options=${insecure}`];
  const run = (insecure: string, flags: readonly string[], ...args: readonly string[]) =>
    rig.podctl(`--insecure-options=${insecure}`, 'run', '--net=none', image, ...flags, '--', ...args);

  for (const [what, insecure, flags] of SETTINGS) {
    it(`${what} can neither signal, trace nor look into the pod’s init`, () => {
      const { status, stdout, stderr } = run(insecure, flags, 'init');
      assert.equal(status, 0, stderr);
      const lines = stdout.trim().split('\n');
      assert.equal(lines.pop(), 'alive');
      const allowed = lines.filter((line) => line.endsWith(': ok'));
      // The kernel shows root the numbers of every process's files, and nothing of the files.
      assert.deepEqual(
        allowed.filter((line) => line !== 'fd numbers: ok'),
        [],
      );
      assert.ok(lines.length > 20, stdout);
    });

    it(`${what} has no file, directory or root but its own`, () => {
      const { stdout } = run(insecure, flags, 'leaks');
      assert.match(
        stdout,
        /^fd 0: \/dev\/null\nfd 1: pipe:\[\d+\]\nfd 2: pipe:\[\d+\]\ncwd: \/\nroot is the root: ok\nnothing above: ok\n/,
      );
      assert.match(stdout, /\n(chroot and \.\.: the app's root|chroot: EPERM)\n$/);
    });
  }

  /** What the adversary got of the processes that were brought in while it watched. */
  async function watched(insecure: string, flags: readonly string[]): Promise<{ seen: number; got: Set<string> }> {
    // Thousands of places to look for the program in: a window that can be hit.
    const path = `--environment=PATH=${Array.from({ length: 3000 }, () => '/x').join(':')}:/bin`;
    const child = rig.start(
      ...globals(insecure).slice(3),
      'run',
      '--net=none',
      image,
      path,
      ...flags,
      '--',
      'watch',
      '6000',
    );
    const uuid = await until(() => {
      const pods = JSON.parse(rig.ok('list', '--format=json')) as {
        name: string;
        state: string;
        apps: { state: string }[];
      }[];
      return pods.find(({ state, apps }) => state === 'running' && apps[0]?.state === 'running')?.name;
    }, 'the pod');
    for (;;) if (rig.podctl('enter', uuid, 'true').status === 254) break;
    const { stdout, stderr } = await child.ended;
    const seen = /^seen (\d+)$/m.exec(stdout)?.[1];
    assert.ok(seen !== undefined, stderr);
    return { seen: Number(seen), got: new Set(stdout.match(/^GOT .*$/gm)) };
  }

  it('CVE-2016-9962 gets nothing of a command on its way into the app', async () => {
    const { seen, got } = await watched('image,seccomp', []);
    assert.ok(seen > 0, 'it never met one: the test proves nothing');
    assert.deepEqual([...got], []);
  });

  it('that may trace everything finds nothing of the host in a command on its way in', async () => {
    const { seen, got } = await watched('image,seccomp', ['--caps-retain=CAP_SYS_PTRACE,CAP_DAC_OVERRIDE']);
    assert.ok(seen > 0, 'it never met one: the test proves nothing');
    assert.ok(got.has('GOT mem'), 'it could not trace at all: the test proves nothing');
    const harmless =
      /^GOT (exe|cwd|root|environ|mem|maps|ptrace|pidfd_getfd|fd pipe|fd of the app|fd \/proc\/\d+\/comm)$/;
    assert.deepEqual(
      [...got].filter((one) => !harmless.test(one)),
      [],
    );
  });

  it('CVE-2019-5736 finds the executor neither writable nor replaceable', () => {
    const before = output('sha256sum', '/proc/self/exe');
    assert.ok(before.length > 0);
    setAside('');
    const script =
      'cp /bin/busybox /tmp/x; printf "#!/proc/self/exe\\n" > /tmp/evil; chmod 755 /tmp/evil; /tmp/evil; echo $?';
    const uuid = rig
      .ok('--insecure-options=image', 'run', '--detach', '--net=none', image, '--exec=/bin/sleep', '--', '100000')
      .trim();
    assert.equal(rig.podctl('enter', uuid, 'sh', '-c', script).status, 0);
    const { status, stderr } = rig.podctl('enter', uuid, '/tmp/evil');
    assert.equal(status, 254);
    assert.match(stderr, /exec-failed: app hostile: /);
    assert.equal(rig.podctl('enter', uuid, '/proc/self/exe').status, 254);
    rig.ok('stop', '--force', uuid);
  });
});
