/** `podctl attach`: joining an app that runs, several at once, and leaving it as it was. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { command, needsHost, output, until } from '../rig/rig';
import { heard, Speaking, script } from '../rig/speaking';

const ECHO = script('while read a; do echo "got $a"; [ "$a" != end ] || exit 5; done; echo eof; exit 6');

describe('podctl attach', () => {
  let rig: Speaking;

  before(function () {
    needsHost(this);
    rig = new Speaking();
  });
  after(() => rig?.dispose());

  /** Waits until the init has taken a visitor in: only then does it look for signals in this way, and nothing before does. */
  async function attached({ pid }: ChildProcess): Promise<void> {
    const files = (): string => command(['ls', '-l', `/proc/${pid}/fd`]).stdout; // of which some go meanwhile
    await until(() => (files().includes('[signalfd]') ? true : undefined), 'the visitor to be attached');
  }

  it('gives the app its input, shows what it says, and ends with its status', async () => {
    const uuid = rig.detached(rig.image, '--stdin=stream', '--stdout=stream', ...ECHO);
    assert.equal(rig.ok('attach', '--mode=list', uuid), 'stdin\nstdout\nstderr\n');
    assert.equal(rig.ok('attach', '--mode=list', '--format=json', uuid), '["stdin","stdout","stderr"]\n');
    const child = rig.attach(uuid);
    const all = heard(child);
    child.stdin?.write('one\n');
    await once(child.stdout ?? child, 'data');
    child.stdin?.write('end\n');
    assert.deepEqual(await all, { status: 5, signal: null, stdout: 'got one\ngot end\n', stderr: '' });
  });

  it('the end of its input is the end of the app’s', async () => {
    const uuid = rig.detached(rig.image, '--stdin=stream', '--stdout=stream', ...ECHO);
    const done = rig.podctlWith('two\n', 'attach', uuid);
    assert.deepEqual([done.status, done.stdout], [6, 'got two\neof\n']);
    await rig.over(uuid);
  });

  it('who leaves without an end leaves the input open', async () => {
    const uuid = rig.detached(rig.image, '--stdin=stream', '--stdout=stream', ...ECHO);
    const child = rig.attach(uuid);
    child.stdin?.write('a\n');
    await once(child.stdout ?? child, 'data');
    child.kill('SIGTERM');
    assert.deepEqual(await once(child, 'close'), [143, null]);
    assert.equal(rig.podctlWith('end\n', 'attach', uuid).stdout, 'got end\n');
  });

  it('several see the same; one that is stopped holds nobody back, and is told so later', async () => {
    const uuid = rig.detached(
      rig.image,
      '--stdin=stream',
      '--stdout=stream',
      ...script('read go; yes 0123456789abcdef'),
    );
    const slow = rig.attach('--mode=stdout', uuid);
    const slowly = heard(slow);
    const others = [rig.attach('--mode=stdout', uuid), rig.attach('--mode=stdout', uuid)];
    const sizes = [0, 0];
    for (const [i, child] of others.entries())
      child.stdout?.on('data', (chunk: Buffer) => {
        sizes[i] = (sizes[i] ?? 0) + chunk.length;
      });
    for (const child of [slow, ...others]) await attached(child);
    slow.kill('SIGSTOP');
    rig.attach('--mode=stdin', uuid).stdin?.write('go\n');
    await until(() => (Math.min(...sizes) > 50 * 1024 * 1024 ? true : undefined), `50 MB at both: ${sizes}`);
    slow.kill('SIGCONT');
    const { status, stderr } = await slowly;
    assert.equal(status, 254);
    assert.match(stderr, /attach: control-failed: detached by the pod: .*slow/);
    assert.equal(rig.stateOf(uuid), 'running');
    rig.ok('stop', '--force', uuid);
    for (const child of others) if (child.exitCode === null) await once(child, 'close');
  });

  it('shows what an app logs, from then on; a reader that goes away ends it', () => {
    const uuid = rig.detached(rig.image, ...script('while :; do echo tick; echo tock >&2; sleep 0.01; done'));
    assert.equal(rig.ok('attach', '--mode=list', uuid), 'stdout\nstderr\n');
    const line = `${rig.line('x').split("'--insecure")[0]} attach --mode=stderr ${uuid} 2>&1 </dev/null`;
    assert.equal(output('bash', '-c', `${line} | head -n 2; echo \${PIPESTATUS[0]}`), 'tock\ntock\n141\n');
    assert.equal(rig.stateOf(uuid), 'running');
    rig.ok('stop', '--force', uuid);
  });

  it('a terminal is shared, drawn anew for who comes, and of the size of the last one', async () => {
    const text =
      'trap "stty size" WINCH; stty -echo; while :; do read a && echo "got $a"; [ "$a" != end ] || exit 7; done';
    const uuid = rig.detached('-it', rig.image, ...script(text));
    assert.equal(rig.ok('attach', '--mode=list', uuid), 'tty-in\ntty-out\n');
    const watcher = rig.attach('--mode=tty-out', uuid);
    const watched = heard(watcher);
    await attached(watcher);
    const first = rig.attachInTerminal(
      [
        { expect: '24 80' },
        { size: [40, 100] },
        { expect: '40 100' },
        { send: 'x\r' },
        { expect: 'got x' },
        { send: '\x10\x11' },
      ],
      uuid,
    );
    assert.deepEqual([first.status, first.restored], [0, true], first.output);
    const second = rig.attachInTerminal([{ expect: '24 80' }, { send: 'end\r' }], uuid);
    assert.deepEqual([second.status, second.restored], [7, true], second.output);
    const { status, stdout } = await watched;
    assert.equal(status, 7);
    assert.match(stdout, /40 100\r\n[\s\S]*got x\r\n[\s\S]*24 80\r\n[\s\S]*got end\r\n/);
  });

  it('follows an app through its restarts', async () => {
    const uuid = rig.detached(
      rig.image,
      '--stdin=stream',
      '--stdout=stream',
      '--restart=on-failure',
      '--restart-delay=10ms',
      ...script('echo run; read a; [ "$a" = good ]'),
    );
    const child = rig.attach(uuid);
    const all = heard(child);
    child.stdin?.write('bad\n');
    await once(child.stdout ?? child, 'data');
    child.stdin?.write('good\n');
    const { status, stdout } = await all;
    assert.equal(status, 0);
    assert.match(stdout, /run\n$/);
  });

  it('says clearly what cannot be attached to', async () => {
    const silent = rig.detached(rig.image, '--stdout=null', '--stderr=null', ...script('exec sleep 1000'));
    const refused = (...words: readonly string[]): string => {
      const { status, stderr } = rig.podctl('attach', ...words);
      assert.equal(status, 254);
      return stderr;
    };
    assert.match(refused(silent), /attach: not-attachable: .*neither input nor output[\s\S]*hint: .*--mode=list/);
    assert.equal(rig.ok('attach', '--mode=list', silent), '');
    const logging = rig.detached(rig.image, ...script('exec sleep 1000'));
    assert.match(refused('--mode=stdin', logging), /not-attachable: .*no stdin .*stdout, stderr/);
    assert.match(refused('--mode=tty', logging), /not-attachable: .*no terminal/);
    assert.match(refused('--mode=stdout,nonsense', logging), /usage: .*nonsense/);
    assert.match(refused('--app=other', logging), /app-not-found/);
    rig.ok('stop', '--force', silent, logging);
    await rig.over(logging);
    assert.match(refused(logging), /pod-wrong-state/);
  });

  it('the death of the pod is told', async () => {
    const uuid = rig.detached(rig.image, ...script('exec sleep 1000'));
    const child = rig.attach('--mode=stdout', uuid);
    const all = heard(child);
    await attached(child);
    output('systemctl', 'kill', '-s', 'KILL', `podctl-${uuid}.service`);
    const { status, stderr } = await all;
    assert.equal(status, 137);
    assert.match(stderr, /the pod was killed/);
  });
});
