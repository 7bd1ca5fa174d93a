/** SIGKILL of `podctl app add`, and of the executor that it calls, at what they do one after the other. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { busyboxAci } from '../fixtures/aci';
import { command, needsHost, PODCTL, Rig } from '../rig/rig';
import { Sandbox } from '../rig/sandbox';

describe('SIGKILL of add', function () {
  this.timeout(120_000);
  let rig: Rig;
  let image: string;
  let sandbox: Sandbox;

  before(function () {
    needsHost(this);
    rig = new Rig();
    image = rig.write('tool.aci', busyboxAci({ name: 'example.com/tool', exec: ['/bin/sleep', '1000'] }));
  });
  after(() => rig?.dispose());
  beforeEach(() => {
    sandbox = new Sandbox(rig);
  });
  afterEach(() => sandbox?.dispose());

  // Of podctl, or of the executor it calls; the second time is another file, mount or message.
  const moments = [
    'mkdir 1',
    'rename 1',
    'rename 2',
    'fsync 3',
    'unshare 1',
    'mount 1',
    'open_tree 1',
    'setns 1',
    'move_mount 1',
  ];
  for (const moment of [...moments, 'move_mount 2', 'memfd_create 1', 'sendmsg 1', 'sendmsg 2', 'exit_group 1']) {
    it(`at ${moment} leaves a pod that is consistent, and goes on`, () => {
      const before = sandbox.mounts();
      const [call = '', when = ''] = moment.split(' ');
      const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:signal=KILL:when=${when}`];
      const add = [PODCTL, ...rig.globals, '--insecure-options=image', 'app', 'add', sandbox.pod, image, '--name=late'];
      command(['strace', '-f', '-qq', '-o', '/dev/null', ...inject, ...add]);
      assert.match(rig.ok('status', sandbox.pod), /^state=running$/m);
      sandbox.ok('list');
      // Whatever it left, the next change takes away, or it had all been done.
      const { status, stderr } = sandbox.app('add', sandbox.pod, image, '--name=late');
      assert.ok(status === 0 || /app-exists/.test(stderr), stderr);
      assert.match(sandbox.live(), /^late created$/m);
      assert.deepEqual(sandbox.names(), ['late']);
      sandbox.ok('start');
      sandbox.ok('stop', '--force');
      sandbox.ok('rm');
      assert.deepEqual(sandbox.mounts(), before);
      assert.deepEqual(fs.readdirSync(`${sandbox.directory}/apps`), []);
      rig.ok('stop', sandbox.pod);
      rig.ok('rm', sandbox.pod);
      assert.deepEqual(rig.leftovers(), []);
    });
  }
});
