/** `podctl enter` in a terminal: the command has one of the app's own, and the caller's is as it was in the end. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { threeBlocks } from '../fixtures/subid';
import { Entering, SLEEP } from '../rig/entering';
import { needsHost, until } from '../rig/rig';

describe('podctl enter in a terminal', () => {
  let rig: Entering;

  before(function () {
    needsHost(this);
    rig = new Entering();
  });
  after(() => rig?.dispose());
  threeBlocks();

  it('the command gets a terminal of the app, of the size of the caller, and resized with it', () => {
    const script =
      'trap "stty size" WINCH; tty; stty size; echo $TERM; test -w /dev/tty && echo ctty; read a; echo over';
    const {
      status,
      output: shown,
      restored,
    } = rig.terminal(
      [
        { expect: '/dev/pts/0\\r\\n24 80\\r\\n' },
        { expect: 'ctty' },
        { size: [50, 132] },
        { expect: '50 132' },
        { send: 'x\r' },
        { expect: 'over' },
      ],
      [rig.plain, 'sh', '-c', script],
    );
    assert.deepEqual([status, restored], [0, true], shown);
  });

  it('job control works, ^C and ^D are the command’s, and the modes come back', () => {
    const {
      status,
      output: shown,
      restored,
    } = rig.terminal(
      [
        { expect: '[#$] ' },
        { send: `sh -c 'echo re""ady; exec sleep 1000'\r` },
        { expect: 'ready\r\n' },
        { send: '\x03' },
        { expect: '[#$] ' },
        { send: 'echo st=$?\r' },
        { expect: 'st=130' },
        { send: `sh -c 'echo re""ady; exec sleep 1001'\r` },
        { expect: 'ready\r\n' },
        { send: '\x1a' },
        { expect: 'Stopped' },
        { send: 'kill -9 %1; fg; echo $((6*7))\r' },
        { expect: '42\\r\\n' },
        // Behind its prompt the shell reads bytes; before it, the terminal would take ^D for itself.
        { expect: '[#$] ' },
        { send: '\x04' },
      ],
      [rig.plain],
    );
    assert.deepEqual([status, restored], [0, true], shown);
    assert.doesNotMatch(shown, /job control turned off|can't access tty/);
  });

  it('the last output is not lost, also if nobody reads until the command has ended', () => {
    for (const [last, steps] of [
      [1000, []],
      // More than the caller's terminal holds.
      [3800, [{ expect: 'up' }, { send: '\r' }, { alone: true }]],
    ] as const) {
      const { output: shown } = rig.terminal(steps, [
        rig.plain,
        'sh',
        '-c',
        `echo up; ${steps.length > 0 ? 'read go' : ':'}; seq 1 ${last}; echo end`,
      ]);
      assert.ok(shown.endsWith(`${last}\r\nend\r\n`), shown.slice(-100));
      assert.equal(shown.match(/^\d+\r$/gm)?.length, last);
    }
  });

  it('the modes come back after a signal, and after the death of the command', () => {
    for (const [steps, expected] of [
      [[{ expect: 'up' }, { signal: 'TERM' }], 143],
      [[{ expect: 'up' }, { signal: 'HUP' }], 129],
    ] as const) {
      const { status, restored } = rig.terminal(steps, [rig.plain, 'sh', '-c', 'echo up; exec sleep 1000']);
      assert.deepEqual([status, restored], [expected, true]);
    }
    assert.deepEqual(rig.terminal([], [rig.plain, 'sh', '-c', 'kill -9 $$']).status, 137);
    const failed = rig.terminal([], [rig.plain, 'nothing']);
    assert.deepEqual([failed.status, failed.restored], [254, true]);
    assert.match(failed.output, /exec-failed/);
  });

  it('the terminal belongs to the app’s user, also among users of the pod’s own', () => {
    for (const users of [[], ['--private-users']]) {
      const uuid = rig.run(rig.image, '--user=app', ...users, ...SLEEP);
      const script = 'stat -c %U:%a $(tty); echo through tty > /dev/tty; echo by name > $(tty)';
      assert.equal(rig.terminal([], [uuid, 'sh', '-c', script]).output, 'app:620\r\nthrough tty\r\nby name\r\n');
      rig.ok('stop', '--force', uuid);
    }
  });

  it('a closed window hangs the command up', async () => {
    const { status } = rig.terminal(
      [{ expect: 'up' }, { hangup: true }],
      [rig.plain, 'sh', '-c', 'echo up; exec sleep 1000'],
    );
    assert.equal(status, 129);
    await until(() => (rig.pidsOf(rig.plain).length === 1 ? true : undefined), 'the command to end');
  });

  it('stderr goes where it was redirected, and --tty=false means pipes', () => {
    const log = `${rig.root}/stderr`;
    const { output: shown } = rig.terminal([], [rig.plain, 'sh', '-c', 'tty; echo problem >&2'], log);
    assert.match(shown, /\/dev\/pts\/0/);
    assert.equal(fs.readFileSync(log, 'utf8'), 'problem\n');
    assert.match(rig.terminal([], ['--tty=false', rig.plain, 'tty']).output, /not a tty/);
  });

  it('--tty gives one to a script, which ends with its input', () => {
    for (const input of ['typed', 'typed\n']) {
      const done = rig.podctlWith(input, 'enter', '--tty', rig.plain, 'sh', '-c', 'tty; echo got $(cat)');
      assert.equal(done.status, 0);
      assert.match(done.stdout, /\/dev\/pts\/0\r\n/);
      assert.match(done.stdout, /got typed\r\n$/);
    }
  });

  it('CVE-2016-2568 nothing of the caller’s terminal is in reach', () => {
    const script = 'ls -l /proc/self/fd; stat -c %t:%T:%i /dev/tty /proc/self/fd/0; ls /dev/pts';
    const inside = rig.terminal([], [rig.plain, 'sh', '-c', script]).output;
    assert.match(inside, /0 -> \/dev\/pts\/0\r/);
    assert.match(inside, /\r\n0 +ptmx\r\n$/);
    // No terminal at all, if not both are terminals: not even by the session.
    const { stdout } = rig.sh(rig.plain, 'cat /dev/tty 2>&1; true');
    assert.match(stdout, /No such device or address/);
  });
});
