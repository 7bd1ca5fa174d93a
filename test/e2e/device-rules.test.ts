/**
 * Device rules where the kernel has no BPF for them: an error, or with --insecure-options=isolators told and left out. The lack is
 * made by strace, which fails the call that asks for it.
 */
import assert from 'node:assert/strict';
import { busyboxAci } from '../fixtures/aci';
import { command, needsHost, type Outcome, PODCTL, Rig } from '../rig/rig';

const LACK = /this host does not let podctl restrict devices/;

describe('device rules without BPF', () => {
  let rig: Rig;
  let image: string;

  before(function () {
    needsHost(this);
    rig = new Rig();
    image = rig.write('plain.aci', busyboxAci({ name: 'example.com/plain', exec: ['/bin/sh'] }));
  });
  after(() => rig?.dispose());

  function withoutBpf(insecure: string, ...args: readonly string[]): Outcome {
    const strace = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', 'trace=bpf', '-e', 'inject=bpf:error=EPERM'];
    return command([...strace, PODCTL, ...rig.globals, `--insecure-options=image${insecure}`, ...args]);
  }
  const DEVICE = ['--device=/dev/fuse'];
  const VOLUME = ['--volume=d,kind=host,source=/dev/fuse', '--mount=volume=d,target=/dev/fuse'];
  const SHOW = ['--', '-c', 'test -c /dev/fuse && echo there'];

  it('I2 are an error before there is a pod', () => {
    const { status, stderr } = withoutBpf('', 'run', '--net=none', image, ...DEVICE);
    assert.equal(status, 254);
    assert.match(stderr, /isolator-unenforceable: app "plain": isolator podctl\/devices: /);
    assert.match(stderr, LACK);
    assert.deepEqual(rig.leftovers(), []);
  });

  it('I2 are told and reported if tolerated; the device is there', () => {
    const { status, stdout, stderr } = withoutBpf(
      ',isolators',
      'run',
      '--net=none',
      '--name=free',
      image,
      ...DEVICE,
      ...SHOW,
    );
    assert.deepEqual([status, stdout], [0, 'there\n'], stderr);
    assert.match(stderr, /app "plain": isolator podctl\/devices ignored: /);
    assert.match(stderr, LACK);
    assert.match(rig.ok('status', 'free'), /^app-plain-isolator-podctl\/devices=ignored: this host does not/m);
    assert.doesNotMatch(planOf(...DEVICE), /^devices /m);
  });

  it('are told of volumes, and of apps that join', () => {
    const { status, stdout, stderr } = withoutBpf(',isolators', 'run', '--net=none', ...VOLUME, image, ...SHOW);
    assert.deepEqual([status, stdout], [0, 'there\n'], stderr);
    assert.match(stderr, /apps may use other devices than those of their volumes/);
    assert.doesNotMatch(planOf(...VOLUME), /^devices /m);
    rig.ok('app', 'sandbox', '--name=box', '--net=none', '--detach');
    const added = withoutBpf(',isolators', 'app', 'add', 'box', image, '--name=one');
    assert.equal(added.status, 0, added.stderr);
    assert.match(added.stderr, /app "one" may use every device that the pod may/);
    rig.ok('stop', '--force', 'box');
  });

  /** And with BPF, and without the option, the rules are in the plan: else these tests would show nothing. */
  function planOf(...flags: readonly string[]): string {
    const plan = rig.ok('--insecure-options=image,isolators', 'run', '--dry-run', '--net=none', image, ...flags);
    assert.match(plan, /^devices /m);
    return withoutBpf(',isolators', 'run', '--dry-run', '--net=none', image, ...flags).stdout;
  }
});
