/** Leaving an app in a terminal: by keys, as a job that is stopped, and for good. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { needsHost } from '../rig/rig';
import { Speaking, script } from '../rig/speaking';

describe('leaving podctl run --interactive', () => {
  let rig: Speaking;

  before(function () {
    needsHost(this);
    rig = new Speaking();
  });
  after(() => rig?.dispose());

  it('podctl can be stopped and go on like any job, and the terminal is the shell’s meanwhile', () => {
    const state = (letter: string): readonly string[] => [
      '/bin/sh',
      '-c',
      `until grep -q "^State:.${letter}" /proc/$(pgrep -f "^podctl-stage1 foreground [0-9]+ ${rig.dataDir}")/status; do sleep 0.01; done`,
    ];
    const {
      status,
      output: shown,
      restored,
    } = rig.inTerminal(
      [
        { expect: 'up' },
        { signal: 'TSTP' },
        { run: state('T') },
        { cooked: true },
        { size: [33, 99] },
        { signal: 'CONT' },
        { expect: '33 99' },
        { send: '\x03' },
        { expect: 'int' },
      ],
      '-i',
      rig.image,
      ...script('trap "stty size" WINCH; trap "echo i""nt; exit 0" INT; echo up; while :; do sleep 0.05; done'),
    );
    assert.deepEqual([status, restored], [0, true], shown);
  });

  it('a closed window stops the pod', async () => {
    const uuid = `${rig.root}/hungup`;
    rig.inTerminal(
      [{ expect: 'up' }, { hangup: true }],
      '-i',
      `--uuid-file-save=${uuid}`,
      rig.image,
      ...script('echo up; exec sleep 1000'),
    );
    await rig.over(fs.readFileSync(uuid, 'utf8').trim());
  });

  it('the detach keys leave the pod running, and attach comes back to it', async () => {
    const uuid = `${rig.root}/left`;
    const left = rig.inTerminal(
      [{ expect: 'up' }, { send: 'a\x10b\r' }, { expect: 'got a.*b' }, { send: '\x10\x11' }, { expect: 'detached' }],
      '-i',
      `--uuid-file-save=${uuid}`,
      rig.image,
      ...script('stty raw -echo; stty -raw; echo up; while read a; do echo got $a; [ "$a" != end ] || exit 6; done'),
    );
    assert.deepEqual([left.status, left.restored], [0, true], left.output);
    const pod = fs.readFileSync(uuid, 'utf8').trim();
    assert.equal(rig.stateOf(pod), 'running');
    assert.equal(rig.ok('attach', '--mode=list', pod), 'tty-in\ntty-out\n');
    const back = rig.attachInTerminal([{ send: 'again\r' }, { expect: 'got again' }, { send: 'end\r' }], pod);
    assert.deepEqual([back.status, back.restored], [6, true], back.output);
    await rig.over(pod);
  });

  it('other keys can leave it, or none', () => {
    const keys = rig.inTerminal(
      [{ expect: 'up' }, { send: '~~.' }, { expect: 'detached' }],
      '-i',
      '--detach-keys=~,.',
      rig.image,
      ...script('echo up; exec sleep 1000'),
    );
    assert.deepEqual([keys.status, keys.restored], [0, true]);
    const none = rig.inTerminal(
      [{ expect: 'up' }, { send: '\x10\x11\r' }],
      '-i',
      '--detach-keys=',
      rig.image,
      ...script('stty -echo -ixon; echo up; read a; echo $a | od -c; exit 3'),
    );
    assert.equal(none.status, 3, none.output);
    assert.match(none.output, /020 021/);
  });
});
