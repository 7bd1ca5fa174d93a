/** Start order and readiness of apps on a real systemd: `--after`, `--ready`, and what an app's notify socket lets through. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { busyboxAci } from '../fixtures/aci';
import { staticProgram } from '../fixtures/program';
import { eventsOf } from '../rig/events';
import { needsHost, output, Rig, until } from '../rig/rig';

const NET = '--net=none';
const unitOf = (uuid: string): string => `podctl-${uuid}.service`;
const show = (uuid: string, property: string): string =>
  output('systemctl', 'show', '--value', '-p', property, unitOf(uuid)).trim();

describe('order and readiness of apps', () => {
  let rig: Rig;
  let image: string;
  let notify: string;

  before(function () {
    needsHost(this);
    rig = new Rig();
    image = rig.write('hello.aci', busyboxAci({ name: 'example.com/hello', exec: ['/bin/true'] }));
    const say = { name: 'rootfs/bin/say', mode: 0o755, content: staticProgram('say') };
    notify = rig.write(
      'notify.aci',
      busyboxAci({
        name: 'example.com/notify',
        exec: ['/bin/say', 'READY=1', '-1000'],
        files: [say],
        manifest: { annotations: [{ name: 'appc.io/executor/supports-systemd-notify', value: 'true' }] },
      }),
    );
  });
  after(() => rig?.dispose());

  const run = (...args: string[]) => rig.podctl('--insecure-options=image', 'run', NET, ...args);
  const script = (text: string, ...flags: string[]): string[] => [image, ...flags, '--exec=/bin/sh', '--', '-c', text];

  it('starts apps after those that must be ready, whatever their order on the command line', () => {
    const uuidFile = `${rig.root}/ordered`;
    const { status, stdout, stderr } = run(
      `--uuid-file-save=${uuidFile}`,
      ...script('echo third', '--name=third', '--after=first,second'),
      '---',
      ...script('echo second; sleep 1', '--name=second', '--after=first'),
      '---',
      ...script('echo first; sleep 1', '--name=first'),
    );
    // What has been executed is ready, so they speak in any order.
    assert.deepEqual([status, stdout.trim().split('\n').sort()], [0, ['first', 'second', 'third']], stderr);
    const order = eventsOf(fs.readFileSync(uuidFile, 'utf8').trim(), 'app-started').map(({ APP }) => APP);
    assert.deepEqual(order, ['first', 'second', 'third']);
  });

  it('B21 is ready when an image that supports it says so, and passes on nothing but that and its status', async () => {
    const slow = '/bin/say "STATUS=warming up" MAINPID=1 STOPPING=1 -4 READY=1 -1000';
    const child = rig.start(
      '--insecure-options=image',
      'run',
      NET,
      notify,
      '--exec=/bin/sh',
      '--name=slow',
      '--',
      '-c',
      `exec ${slow}`,
    );
    const uuid = await until(
      () =>
        JSON.parse(rig.ok('list', '--format=json')).find(
          (pod: { app_names: string[]; state: string }) => pod.app_names[0] === 'slow' && pod.state === 'running',
        )?.name as string | undefined,
      'the pod',
    );
    await until(() => (show(uuid, 'StatusText') === 'slow: warming up' ? true : undefined), 'the status');
    assert.equal(show(uuid, 'ActiveState'), 'activating');
    await until(() => (show(uuid, 'ActiveState') === 'active' ? true : undefined), 'READY=1');
    assert.equal(show(uuid, 'StatusText'), '1/1 apps ready');
    assert.notEqual(show(uuid, 'MainPID'), '1');
    rig.ok('stop', uuid);
    assert.equal((await child.ended).status, 0);
    assert.deepEqual(
      eventsOf(uuid).map(({ PODCTL_EVENT }) => PODCTL_EVENT),
      ['prepared', 'app-started', 'app-ready', 'started', 'stopping', 'app-exited', 'exited'],
    );
  });

  it("starts an app once another has said that it is ready, also among users of the pod's own", () => {
    for (const users of [[], ['--private-users=1900000000:65536']]) {
      const begin = Date.now();
      const { status, stdout, stderr } = run(
        ...users,
        '--exit-policy=main=late',
        notify,
        '--name=early',
        '--user=app',
        '--group=app',
        '--exec=/bin/say',
        '--',
        '-1',
        'READY=1',
        '-1000',
        '---',
        ...script('echo late', '--name=late', '--after=early'),
      );
      assert.deepEqual([status, stdout], [0, 'late\n'], stderr);
      assert.ok(Date.now() - begin > 1000);
    }
  });

  it('--ready=exec takes an image that supports it for ready at once, and gives it no socket', () => {
    const { status, stderr } = run(notify, '--ready=exec');
    assert.equal(status, 2, stderr);
  });
});
