/** Limits that a unit of the user's sets for the pod in it, and changes while it runs. Needs the VM host: a kernel with controllers. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { busyboxAci } from '../../fixtures/aci';
import { needsHost, output, Rig, until } from '../../rig/rig';
import { Services } from '../../rig/service';
import { skip } from '../../runner/skip';

const WEB = 't-web.service';
const MiB = 1024 ** 2;

describe("limits in units of the user's", () => {
  let rig: Rig;
  let units: Services;
  let image: string;

  before(function () {
    needsHost(this);
    if (!fs.readFileSync('/sys/fs/cgroup/cgroup.controllers', 'utf8').includes('memory'))
      skip(this, 'this host has no cgroup controllers');
    rig = new Rig();
    image = rig.write('hello.aci', busyboxAci({ name: 'example.com/hello', exec: ['/bin/true'] }));
  });
  beforeEach(() => {
    units = new Services(rig);
  });
  afterEach(() => units.dispose());
  after(() => rig?.dispose());

  const script = (text: string, ...flags: string[]): string[] => [image, ...flags, '--exec=/bin/sh', '--', '-c', text];
  const read = (file: string): string =>
    fs.readFileSync(`/sys/fs/cgroup${units.show(WEB, 'ControlGroup')}/${file}`, 'utf8').trim();
  /** Fills memory until it is killed. */
  const GREEDY = 'exec tail /dev/zero';

  it('systemctl set-property holds at once, and an app that is over it is told to have been killed for memory', async () => {
    units.pod(WEB, script(`while ! test -e /tmp/go; do sleep 0.2; done; ${GREEDY}`), [
      'MemoryMax=1G',
      'MemorySwapMax=0',
    ]);
    units.start(WEB);
    assert.equal(read('memory.max'), String(1024 * MiB));
    output('systemctl', 'set-property', '--runtime', WEB, 'MemoryMax=64M', 'TasksMax=50', 'CPUQuota=50%');
    assert.deepEqual([read('memory.max'), read('pids.max'), read('cpu.max')], [String(64 * MiB), '50', '50000 100000']);
    assert.equal(units.show(WEB, 'ActiveState'), 'active');
    rig.ok('enter', 't-web', '/bin/touch', '/tmp/go');
    await until(() => (units.show(WEB, 'ActiveState') === 'failed' ? true : undefined), 'the end');
    assert.match(rig.ok('status', 't-web'), /^app-hello=137\napp-hello-reason=oom$/m);
  });

  it('does not take limits of the pod as a whole from options: the unit has them to say', () => {
    units.pod(WEB, ['--memory=64M', ...script('sleep 1000')]);
    assert.notEqual(units.systemctl('start', WEB).status, 0);
    assert.match(units.journal(WEB), /isolator-unenforceable: .* are those of t-web\.service/);
    assert.match(units.journal(WEB), /say it in the unit \(MemoryMax=/);
  });

  for (const [policy, result] of [
    ['continue', 'success'],
    ['stop', 'oom-kill'],
  ] as const) {
    it(`OOMPolicy=${policy}: an app over its own limit ${policy === 'stop' ? 'takes the pod along' : 'is the only one to go'}`, async () => {
      const args = [
        '--exit-policy=main=idle',
        ...script(GREEDY, '--name=greedy', '--memory=32M'),
        '---',
        ...script('trap "exit 0" TERM; while :; do sleep 0.2; done', '--name=idle'),
      ];
      units.pod(WEB, args, [`OOMPolicy=${policy}`]);
      units.systemctl('start', WEB);
      await until(() => (/^app-greedy-reason=oom$/m.test(rig.ok('status', 't-web')) ? true : undefined), 'the kill');
      if (policy === 'stop')
        await until(() => (units.show(WEB, 'ActiveState') === 'failed' ? true : undefined), 'the end');
      assert.equal(units.show(WEB, 'ActiveState'), policy === 'stop' ? 'failed' : 'active');
      assert.equal(units.show(WEB, 'Result'), result);
    });
  }
});
