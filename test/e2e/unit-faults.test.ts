/**
 * System calls of a pod's set-up that the kernel refuses, on real units: each fails with an error that names the operation, and
 * nothing of the pod is left. (test/native makes every single call fail in turn, outside of systemd.)
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { busyboxAci } from '../fixtures/aci';
import { needsHost, output, Rig } from '../rig/rig';

/** Applies to every unit whose name begins with podctl- (systemd.unit(5)). */
const DROP_IN = '/run/systemd/system/podctl-.service.d';

/** Each system call, and the operation of the plan, or the step, that needs it first. */
const FAULTS = [
  ['pidfd_open', 'adopt'],
  ['pidfd_getfd', 'adopt'],
  ['clone3', 'launch'],
  ['pipe2', 'launch'],
  ['sethostname', 'hostname'],
  ['ioctl', 'loopback'],
  ['fsopen', 'pod-root'],
  ['fsconfig', 'pod-root'],
  ['fsmount', 'pod-root'],
  ['move_mount', 'pod-root'],
  ['open_tree', 'bind'],
  ['mount', 'overlay'],
  ['pivot_root', 'pivot'],
  ['umount2', 'pivot'],
  ['fchown', 'start'],
  ['unshare', 'start'],
  ['dup3', 'start'],
  ['symlinkat', 'symlink'],
  ['setgroups', 'exec'],
  ['setresgid', 'exec'],
  ['setresuid', 'exec'],
  ['capset', 'exec'],
] as const;

describe('a system call of the set-up that fails', function () {
  this.timeout(300_000);
  let rig: Rig;
  let image: string;

  before(function () {
    needsHost(this);
    rig = new Rig();
    image = rig.write('hello.aci', busyboxAci({ name: 'example.com/hello', exec: ['/bin/true'] }));
    rig.ok('--insecure-options=image', 'fetch', image);
  });
  afterEach(() => refuse());
  after(() => rig?.dispose());

  function refuse(call?: string): void {
    if (call === undefined) {
      fs.rmSync(DROP_IN, { recursive: true, force: true });
    } else {
      fs.mkdirSync(DROP_IN, { recursive: true });
      fs.writeFileSync(`${DROP_IN}/fault.conf`, `[Service]\nSystemCallFilter=~${call}\nSystemCallErrorNumber=EIO\n`);
    }
    output('systemctl', 'daemon-reload');
  }

  for (const [call, operation] of FAULTS) {
    it(`${call}: the error names ${operation}`, () => {
      refuse(call);
      const { status, stderr } = rig.podctl('--insecure-options=image', 'run', '--net=none', image);
      assert.equal(status, 254, stderr);
      assert.match(stderr, new RegExp(`\\b${operation}\\b`));
      assert.match(stderr, new RegExp(`\\b${call}\\b`));
      assert.match(stderr, /input\/output error|EIO/i);
      assert.deepEqual(rig.leftovers(), []);
    });
  }
});
