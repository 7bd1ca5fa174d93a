/** `podctl run --interactive` in a terminal: the app has one of its own, and the caller's is as it was in the end. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { threeBlocks } from '../fixtures/subid';
import { needsHost, output } from '../rig/rig';
import { Speaking, script } from '../rig/speaking';

describe('podctl run --interactive in a terminal', () => {
  let rig: Speaking;

  before(function () {
    needsHost(this);
    rig = new Speaking();
  });
  after(() => rig?.dispose());
  threeBlocks();

  it('the app gets a terminal of its own, of the size of the caller from the start, and resized with it', () => {
    // A signal ends `read`.
    const wait = 'until read a; do :; done; echo over $a';
    const text = `trap "stty size" WINCH; tty; stty size; echo $TERM; test -w /dev/tty && echo ctty; ${wait}`;
    const {
      status,
      output: shown,
      restored,
    } = rig.inTerminal(
      [
        { expect: '/dev/pts/0\r\n24 80\r\n' },
        { expect: 'ctty' },
        { size: [50, 132] },
        { expect: '50 132' },
        { send: 'x\r' },
        { expect: 'over x' },
      ],
      '-it',
      rig.image,
      ...script(text),
    );
    assert.deepEqual([status, restored], [0, true], shown);
    assert.ok(shown.includes(`\r\n${process.env['TERM'] ?? 'xterm'}\r\n`), shown);
  });

  it('a shell with job control works in it: ^C, ^Z, fg, bg, ^D', () => {
    const {
      status,
      output: shown,
      restored,
    } = rig.inTerminal(
      [
        { expect: '[#$] ' },
        { send: `sh -c 'echo re""ady; exec sleep 1000'\r` },
        { expect: 'ready\r\n' },
        { send: '\x03' },
        { expect: '[#$] ' },
        { send: 'echo st=$?\r' },
        { expect: 'st=130' },
        { send: `sh -c 'trap "echo co""nt" CONT; echo re""ady; while :; do sleep 0.05; done'\r` },
        { expect: 'ready\r\n' },
        { send: '\x1a' },
        { expect: 'Stopped' },
        { expect: '[#$] ' },
        { send: 'bg\r' },
        { expect: 'cont\r\n' },
        { send: 'fg\r' },
        { expect: 'cont\r\n' },
        { send: '\x03' },
        { expect: '[#$] ' },
        { send: 'echo $((6*7))\r' },
        { expect: '42\r\n' },
        // Behind its prompt the shell reads bytes; before it, the terminal would take ^D for itself.
        { expect: '[#$] ' },
        { send: 'false\r' },
        { expect: '[#$] ' },
        { send: '\x04' },
      ],
      '--interactive',
      rig.image,
      '--exec=/bin/sh',
    );
    assert.deepEqual([status, restored], [1, true], shown);
    assert.doesNotMatch(shown, /job control turned off|can't access tty/);
  });

  it('vi edits a file, top draws itself and ends at q', () => {
    const edited = rig.inTerminal(
      [
        { expect: '~' },
        { send: 'ihello from vi' },
        { expect: 'hello from vi' },
        { send: '\x1b' },
        { expect: '- /tmp/file' },
        { send: ':wq\r' },
        { expect: 'saved: hello from vi' },
      ],
      '-i',
      rig.image,
      ...script('vi /tmp/file; echo saved: $(cat /tmp/file)'),
    );
    assert.deepEqual([edited.status, edited.restored], [0, true], edited.output);
    const top = rig.inTerminal(
      [{ expect: 'PID' }, { expect: 'top' }, { send: 'q' }],
      '-i',
      rig.image,
      '--exec=/bin/top',
    );
    assert.deepEqual([top.status, top.restored], [0, true], top.output);
  });

  it('^C and ^\\ are the app’s, which may live on', () => {
    const { status, output: shown } = rig.inTerminal(
      [{ expect: 'up' }, { send: '\x03' }, { expect: 'int' }, { send: '\x1c' }, { expect: 'quit' }, { send: 'x\r' }],
      '-i',
      rig.image,
      ...script('trap "echo i""nt" INT; trap "echo qu""it" QUIT; echo up; until read a; do :; done; exit 4'),
    );
    assert.equal(status, 4, shown);
    const killed = rig.inTerminal(
      [{ expect: 'up' }, { send: '\x1c' }],
      '-i',
      rig.image,
      ...script('echo up; exec sleep 9'),
    );
    assert.deepEqual([killed.status, killed.restored], [131, true]);
  });

  it('the modes come back when podctl is told to end, when the pod is killed, and when nothing starts', () => {
    const stopped = rig.inTerminal(
      [{ expect: 'up' }, { signal: 'TERM' }],
      '-i',
      rig.image,
      ...script('trap "exit 0" TERM; echo up; while :; do sleep 0.1; done'),
    );
    assert.deepEqual([stopped.status, stopped.restored], [0, true], stopped.output);
    const twice = rig.inTerminal(
      [{ expect: 'up' }, { signal: 'TERM' }, { expect: 'deaf' }, { signal: 'TERM' }],
      '-i',
      rig.image,
      ...script('trap "echo de""af" TERM; echo up; while :; do sleep 0.1; done'),
    );
    assert.deepEqual([twice.status, twice.restored], [137, true], twice.output);
    const killer = rig.write('kill', '#!/bin/sh\nsystemctl kill -s KILL "podctl-$(cat $1).service"\n');
    fs.chmodSync(killer, 0o755);
    const killed = rig.inTerminal(
      [{ expect: 'up' }, { run: [killer, `${rig.root}/uuid`] }, { expect: 'killed' }],
      '-i',
      `--uuid-file-save=${rig.root}/uuid`,
      rig.image,
      ...script('echo up; exec sleep 1000'),
    );
    assert.deepEqual([killed.status, killed.restored], [137, true], killed.output);
    const failed = rig.inTerminal([], '-i', rig.image, '--exec=/etc/passwd');
    assert.deepEqual([failed.status, failed.restored], [254, true], failed.output);
  });

  it('its lines are not in the journal, those of a stderr that is a pipe are', () => {
    const uuid = `${rig.root}/logged`;
    rig.inTerminal(
      [],
      '-i',
      `--uuid-file-save=${uuid}`,
      rig.image,
      '--stderr=log',
      ...script('echo to the terminal; echo to the journal >&2'),
    );
    assert.equal(rig.journal(fs.readFileSync(uuid, 'utf8').trim()), 'to the journal\n');
  });

  it('the terminal belongs to the app’s user, also among users of the pod’s own', () => {
    const text = 'stat -c %u:%a $(tty); echo through tty > /dev/tty; echo by name > $(tty); echo out > /dev/stdout';
    for (const users of [[], ['--private-users']]) {
      const shown = rig.inTerminal([], '-i', ...users, rig.image, '--user=1000', ...script(text)).output;
      assert.equal(shown, '1000:620\r\nthrough tty\r\nby name\r\nout\r\n');
    }
  });

  it('a restarted app gets a new terminal of the same size, and the caller stays', () => {
    const {
      status,
      output: shown,
      restored,
    } = rig.inTerminal(
      [
        { size: [30, 90] },
        { expect: 'up' },
        { send: 'no\r' },
        { expect: 'up 30 90' },
        { send: 'no\r' },
        { expect: 'up 30 90' },
        { send: 'yes\r' },
      ],
      '-i',
      rig.image,
      '--restart=on-failure',
      '--restart-delay=10ms',
      ...script('echo up $(stty size); read a; [ "$a" = yes ]'),
    );
    assert.deepEqual([status, restored], [0, true], shown);
  });

  it('nothing of the caller’s terminal is in reach of the app', () => {
    const shown = rig.inTerminal([], '-i', rig.image, ...script('ls -l /proc/self/fd; ls /dev/pts')).output;
    assert.match(shown, /0 -> \/dev\/pts\/0\r/);
    assert.match(shown, /\r\n0 +ptmx\r\n$/);
  });

  it('no Node stays beside it', () => {
    const { output: shown } = rig.inTerminal(
      [
        { expect: 'up' },
        {
          run: [
            '/bin/sh',
            '-c',
            `pgrep -f "[f]oreground [0-9]+ ${rig.dataDir}" && ! pgrep -f "[n]ode.*${rig.root}.*run"`,
          ],
        },
        { send: '\r' },
      ],
      '-i',
      rig.image,
      ...script('echo up; read a'),
    );
    assert.match(shown, /up/);
    assert.equal(output('sh', '-c', `pgrep -f "[n]ode.*${rig.root}.*run" || true`), '');
  });

  it('a pod of several apps says which of them is spoken to', () => {
    const two = [rig.image, '--name=a', ...script('exec sleep 1000'), '---', rig.image, '--name=b'];
    const refused = rig.podctl('--insecure-options=image', 'run', '-i', ...two, ...script('cat'));
    assert.equal(refused.status, 254);
    assert.match(refused.stderr, /interactive option only supports one image/);
    const done = rig.inTerminal(
      [{ expect: 'up' }, { send: 'x\r' }, { expect: 'got x' }],
      '-i',
      '--exit-policy=any',
      ...two,
      '--stdin=tty',
      ...script('echo up; read a; echo got $a'),
    );
    assert.equal(done.status, 0, done.output);
  });
});
