/** An app whose loader does not find a library: which one, is told by `run`, `status` and the journal; and never wrongly. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { MESSAGE_IDS } from '../../stage0/systemd/journal-events';
import { buildAci } from '../fixtures/aci';
import { needsHost, output, Rig, until } from '../rig/rig';

const MISSING = "the library libdeep.so.1, which /opt/lib/libgreet.so.1 needs, is not in the app's root";

describe('missing libraries', () => {
  let rig: Rig;
  const made = (name: string): Buffer => fs.readFileSync(`${rig.root}/${name}`);

  /** A program that needs libgreet, which needs libdeep, and that ends with 127 itself. */
  before(function () {
    needsHost(this);
    rig = new Rig();
    const gcc = (...args: string[]): unknown => execFileSync('gcc', args, { cwd: rig.root });
    const shared = (name: string, ...libraries: string[]): unknown =>
      gcc('-shared', '-o', `lib${name}.so.1`, `-Wl,-soname,lib${name}.so.1`, `${name}.c`, ...libraries);
    rig.write('deep.c', 'int deep(void) { return 127; }');
    rig.write('greet.c', 'int deep(void); int greet(void) { return deep(); }');
    rig.write('main.c', 'int greet(void); int main(void) { return greet(); }');
    shared('deep');
    shared('greet', 'libdeep.so.1');
    gcc('-o', 'main', 'main.c', 'libgreet.so.1', 'libdeep.so.1', '-Wl,-rpath,$ORIGIN/../opt/lib');
  });
  after(() => rig?.dispose());

  /** With the loader and the C library of this host. @param files more of the root, and where */
  function image(name: string, files: Record<string, Buffer>, app: object = {}): string {
    const needed = [...output('ldd', '/bin/true').matchAll(/(\/\S+) \(0x/g)].map(([, file = '']) => file);
    const all = {
      ...Object.fromEntries(needed.map((file) => [file, fs.readFileSync(file)])),
      '/bin/main': made('main'),
    };
    return rig.write(
      `${name}.aci`,
      buildAci({
        name: `example.com/${name}`,
        app: { exec: ['/bin/main'], user: '0', group: '0', ...app },
        files: [
          { name: 'rootfs/' },
          ...Object.entries({ ...all, '/opt/lib/libgreet.so.1': made('libgreet.so.1'), ...files }).map(
            ([file, content]) => ({ name: `rootfs${file}`, content, mode: 0o755 }),
          ),
        ],
      }),
    );
  }
  const run = (...args: readonly string[]) => rig.podctl('--insecure-options=image', 'run', '--net=none', ...args);
  const statusOf = (name: string): string => rig.ok('status', name);

  for (const [what, flags] of [
    ['of an overlay', []],
    ['of a copy', ['--no-overlay']],
  ] as const)
    it(`are told, ${what}: status 127 stays`, () => {
      const name = what.replaceAll(' ', '-');
      const { status, stderr } = run(`--name=${name}`, ...flags, image('lacking', {}), '--name=app');
      assert.equal(status, 127);
      // The loader's own words, then podctl's.
      assert.match(stderr, /libdeep\.so\.1: cannot open shared object file/);
      assert.match(stderr, new RegExp(`^podctl: run: library-missing: app "app" of pod \\S+: ${MISSING}$`, 'm'));
      assert.match(statusOf(name), new RegExp(`^app-app-detail=${MISSING}$`, 'm'));
      const [app] = (JSON.parse(rig.ok('status', '--format=json', name)) as { apps: { detail: string }[] }).apps;
      assert.equal(app?.detail, MISSING);
    });

  it('are in the journal', async () => {
    const { stderr } = run(image('lacking', {}));
    const [, pod = ''] = /of pod (\S+):/.exec(stderr) ?? [];
    const entry = await until(() => {
      const found = output('journalctl', '-q', '-o', 'json', `MESSAGE_ID=${MESSAGE_IDS['library-missing']}`);
      return found.includes(pod) ? found : undefined;
    }, 'the entry');
    assert.match(entry, /libdeep\.so\.1/);
    assert.match(entry, /"APP":"lacking"/);
  });

  it('are told of an app whose pod runs on', async () => {
    const lacking = image('lacking', {});
    const sleeper = image('sleeper', { '/opt/lib/libdeep.so.1': made('libdeep.so.1') });
    const flags = ['run', '--net=none', '--detach', '--exit-policy=all', '--name=on'];
    rig.ok('--insecure-options=image', ...flags, lacking, '--restart=always', '--restart-delay=1h', '---', sleeper);
    const told = await until(() => (/detail=/.test(statusOf('on')) ? statusOf('on') : undefined), 'the detail');
    assert.match(told, new RegExp(`^state=running[^]*^app-lacking-detail=${MISSING}$`, 'm'));
    assert.doesNotMatch(told, /app-sleeper-detail/);
    rig.ok('stop', '--force', 'on');
  });

  it('are not told of where nothing is missing, or nobody can know', () => {
    const deep = made('libdeep.so.1');
    const volume = ['--volume=v,kind=empty', '--mount=volume=v,target=/lib/here'];
    for (const [what, args] of Object.entries({
      'the program itself ended with 127': [image('whole', { '/opt/lib/libdeep.so.1': deep })],
      LD_LIBRARY_PATH: [image('other', { '/o/libdeep.so.1': deep }), '--environment=LD_LIBRARY_PATH=/o'],
      'a volume': [image('lacking', {}), ...volume],
      'post-stop': [image('stopped', {}, { eventHandlers: [{ name: 'post-stop', exec: ['/bin/main'] }] })],
    })) {
      const { status, stderr } = run(...args);
      assert.equal(status, 127, what + stderr);
      assert.doesNotMatch(stderr, /library-missing/, what);
    }
  });
});
