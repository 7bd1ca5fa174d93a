/** `podctl update` where limits hold, and what is told of an app that is over one. Needs the VM host: a kernel with controllers. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { busyboxAci } from '../../fixtures/aci';
import { needsHost, output, Rig, until } from '../../rig/rig';
import { Services } from '../../rig/service';
import { skip } from '../../runner/skip';

const MiB = 1024 ** 2;
const IDLE = 'trap "exit 0" TERM; while :; do sleep 0.2; done';
/** Fills memory once it is told to. */
const GREEDY = 'while ! test -e /tmp/go; do sleep 0.2; done; exec tail /dev/zero';

describe('changed limits', () => {
  let rig: Rig;
  let units: Services;
  let image: string;

  before(function () {
    needsHost(this);
    if (!fs.readFileSync('/sys/fs/cgroup/cgroup.controllers', 'utf8').includes('memory'))
      skip(this, 'this host has no cgroup controllers');
    rig = new Rig();
    units = new Services(rig);
    image = rig.write('sh.aci', busyboxAci({ name: 'example.com/sh', exec: ['/bin/sh'] }));
  });
  after(() => {
    units?.dispose();
    rig?.dispose();
  });

  const app = (name: string, script: string): string[] => [image, `--name=${name}`, '--', '-c', script];
  const read = (unit: string, file: string, of?: string): string => {
    const cgroup = `/sys/fs/cgroup${units.show(unit, 'ControlGroup')}${of === undefined ? '' : `/apps/app-${of}`}`;
    return fs.readFileSync(`${cgroup}/${file}`, 'utf8').trim();
  };
  const limits = (unit: string, of?: string): string[] =>
    ['memory.max', 'cpu.max', 'pids.max'].map((file) => read(unit, file, of));

  it('hold at once, and through restarts of the app and of the pod, and kill only what is over them', async () => {
    const pod = rig
      .ok(
        ...['--insecure-options=image', 'run', '--detach', '--net=none', '--name=shop', '--exit-policy=stop'],
        ...[...app('greedy', GREEDY), '---', ...app('idle', IDLE)],
      )
      .trim();
    const unit = `podctl-${pod}.service`;
    rig.ok('update', '--memory=256Mi', '--cpu=800m', '--pids-limit=200', 'shop');
    rig.ok('update', '--app=greedy', '--memory=32Mi', '--cpu=500m', '--pids-limit=20', 'shop');
    const ofPod = [String(256 * MiB), '80000 100000', '200'];
    const ofApp = [String(32 * MiB), '50000 100000', '20'];
    assert.deepEqual(limits(unit), ofPod);
    assert.equal(units.show(unit, 'MemoryMax'), String(256 * MiB));
    assert.deepEqual(limits(unit, 'greedy'), ofApp);
    assert.equal(read(unit, 'memory.max', 'idle'), 'max');
    rig.ok('restart', '--app=greedy', 'shop');
    assert.deepEqual(limits(unit, 'greedy'), ofApp);
    rig.ok('restart', 'shop');
    assert.deepEqual([limits(unit), limits(unit, 'greedy')], [ofPod, ofApp]);

    rig.ok('enter', '--app=greedy', 'shop', '/bin/touch', '/tmp/go');
    await until(() => (/^app-greedy-reason=oom$/m.test(rig.ok('status', 'shop')) ? true : undefined), 'the kill');
    assert.match(rig.ok('status', 'shop'), /^state=running$/m);
    const events = rig.ok('events', '--format=json', `--pod=${pod}`, '--event=app-oom').trim().split('\n');
    const [event] = events.map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual([events.length, event?.['app']], [1, 'greedy']);
    // The kernel may count one process twice, that it found not gone yet.
    assert.ok(Number(event?.['count']) >= 1);
    rig.ok('stop', 'shop');
  });

  it("of a unit of the user's are the unit's from then on, and those of its apps the pod's", () => {
    const unit = 't-limited.service';
    units.pod(unit, app('idle', IDLE), ['MemoryMax=1G']);
    units.start(unit);
    rig.ok('update', '--memory=64Mi', '--pids-limit=50', unit);
    assert.deepEqual([read(unit, 'memory.max'), read(unit, 'pids.max')], [String(64 * MiB), '50']);
    rig.ok('update', '--app=idle', '--memory=32Mi', unit);
    assert.equal(read(unit, 'memory.max', 'idle'), String(32 * MiB));
    rig.ok('stop', unit);
    units.start(unit);
    assert.deepEqual([read(unit, 'memory.max', 'idle'), read(unit, 'memory.max')], ['max', String(64 * MiB)]);
    output('systemctl', 'revert', unit);
    assert.equal(units.show(unit, 'MemoryMax'), String(1024 * MiB));
  });
});
