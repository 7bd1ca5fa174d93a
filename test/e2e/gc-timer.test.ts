/** The shipped units: installed as a package would, the timer elapses, and an exited pod is gone. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { busyboxAci } from '../fixtures/aci';
import { DIST, needsHost, output, PODCTL, Rig, until } from '../rig/rig';

const DROPINS = '/run/systemd/system';

describe('podctl-gc.timer', () => {
  let rig: Rig;
  before(function () {
    needsHost(this);
    rig = new Rig();
    output(path.join(DIST, '../units/install'), '--podctl', PODCTL);
  });
  after(() => {
    if (rig === undefined) return;
    for (const unit of ['timer', 'service'])
      fs.rmSync(`${DROPINS}/podctl-gc.${unit}.d`, { recursive: true, force: true });
    output('systemctl', 'disable', '--now', 'podctl-gc.timer');
    output('systemctl', 'daemon-reload');
    rig.dispose();
  });

  it('is enabled, and passes systemd-analyze verify', () => {
    assert.equal(output('systemctl', 'is-enabled', 'podctl-gc.timer').trim(), 'enabled');
    assert.equal(output('systemctl', 'is-active', 'podctl-gc.timer').trim(), 'active');
    // Whether the manual page named in Documentation= is installed is not the units' business.
    assert.equal(output('systemd-analyze', '--man=no', 'verify', 'podctl-gc.timer', 'podctl-gc.service'), '');
  });

  it('collects an exited pod when it elapses', async () => {
    const image = rig.write('true.aci', busyboxAci({ name: 'example.com/true' }));
    rig.ok('--insecure-options=image', 'run', '--net=none', image);
    assert.match(rig.ok('list'), /exited/);
    // The same service and timer, with another directory and less patience.
    dropIn('service', `[Service]\nExecStart=\nExecStart=${PODCTL} ${rig.globals.join(' ')} gc --grace-period=0\n`);
    dropIn('timer', '[Timer]\nOnCalendar=\nOnActiveSec=0\nRandomizedDelaySec=0\nAccuracySec=1us\n');
    output('systemctl', 'daemon-reload');
    output('systemctl', 'restart', 'podctl-gc.timer');
    await until(() => (rig.ok('list', '--format=json') === '[]\n' ? true : undefined), 'the timer to collect the pod');
    assert.equal(output('systemctl', 'show', '--value', '-p', 'Result', 'podctl-gc.service').trim(), 'success');
    assert.deepEqual(rig.leftovers(), []);
  });

  function dropIn(unit: string, content: string): void {
    fs.mkdirSync(`${DROPINS}/podctl-gc.${unit}.d`, { recursive: true });
    fs.writeFileSync(`${DROPINS}/podctl-gc.${unit}.d/test.conf`, content);
  }
});
