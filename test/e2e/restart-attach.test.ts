/** A pod that somebody speaks to, restarted: the one who spoke is done, and whoever comes next attaches. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { needsHost, until } from '../rig/rig';
import { heard, Speaking, script } from '../rig/speaking';

const ECHO = script('echo up; while read a; do echo "got $a"; [ "$a" != end ] || exit 5; done; exit 6');

describe('restarting a pod that is spoken to', () => {
  let rig: Speaking;

  before(function () {
    needsHost(this);
    rig = new Speaking();
  });
  after(() => rig?.dispose());

  it('run -i: the foreground ends as after a stop, and attach speaks to the new run', async () => {
    const [program = '', ...words] = rig.run('-i', '--name=talk', rig.image, ...ECHO);
    const child = rig.spawn([program, ...words]);
    const all = heard(child);
    await once(child.stdout ?? child, 'data');
    await until(() => (rig.podctl('status', '--wait-ready', 'talk').status === 0 ? true : undefined), 'its start');
    const uuid = rig.ok('restart', 'talk').trim();
    const first = await all;
    assert.deepEqual([first.status, first.stdout], [0, 'up\n']);
    assert.equal(uuid, `"${(JSON.parse(rig.ok('status', '--format=json', 'talk')) as { name: string }).name}"`);
    const second = rig.podctlWith('one\nend\n', 'attach', 'talk');
    assert.equal(second.status, 5);
    assert.match(second.stdout, /^(?:up\n)?got one\ngot end\n$/); // it may speak after somebody has come to hear it
    // One that has ended comes back with an input as well.
    rig.ok('restart', 'talk');
    assert.match(rig.podctlWith('end\n', 'attach', 'talk').stdout, /^(?:up\n)?got end\n$/);
  });

  it('run -it: the app has a terminal again, and attach is given it', () => {
    const uuid = rig.detached('--name=tty', rig.image, '--stdin=tty', '--stdout=tty', ...script('exec sh'));
    rig.ok('restart', '--time=0s', 'tty');
    const session = rig.attachInTerminal([{ send: 'tty; stty size; exit 4\r' }], uuid);
    assert.equal(session.status, 4, session.output);
    assert.match(session.output, /\/dev\/pts\/\d+\r\n\d+ \d+\r\n/);
  });
});
