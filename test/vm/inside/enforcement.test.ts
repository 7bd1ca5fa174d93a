/** Limits that hold (appc §3.7), seen from the host and by whoever runs into them. Needs the VM host: a kernel with controllers. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { busyboxAci } from '../../fixtures/aci';
import { needsHost, type Outcome, output, Rig, until } from '../../rig/rig';
import { skip } from '../../runner/skip';

const CONTROLLERS = ['cpuset', 'cpu', 'io', 'memory', 'hugetlb', 'pids'];
const MiB = 1024 ** 2;
/** Milliseconds over which CPU time is measured. */
const WINDOW = 10_000;

const controllers = (): readonly string[] =>
  fs.readFileSync('/sys/fs/cgroup/cgroup.controllers', 'utf8').trim().split(' ');

describe('limits', () => {
  let rig: Rig;

  before(function () {
    needsHost(this);
    if (!CONTROLLERS.every((name) => controllers().includes(name))) skip(this, 'this host has no cgroup controllers');
    rig = new Rig();
  });
  after(() => rig?.dispose());
  afterEach(() => {
    for (const { name, state } of JSON.parse(rig.ok('list', '--format=json')) as { name: string; state: string }[]) {
      if (state === 'running') rig.ok('stop', '--force', name);
    }
  });

  /** An image that runs a script, under these isolators. */
  const image = (name: string, script: string, isolators: Readonly<Record<string, unknown>> = {}): string =>
    rig.write(
      `${name}.aci`,
      busyboxAci({
        name: `example.com/${name}`,
        exec: ['/bin/sh', '-c', script],
        app: { isolators: Object.entries(isolators).map(([isolator, value]) => ({ name: isolator, value })) },
      }),
    );
  const run = (...args: readonly string[]): Outcome =>
    rig.podctl('--insecure-options=image', 'run', '--net=none', ...args);

  interface Pod {
    readonly uuid: string;
    /** A file of the unit's cgroup, or of that of an app. */
    readonly read: (file: string, app?: string) => string;
    readonly status: () => string;
  }

  function start(...args: readonly string[]): Pod {
    const { status, stdout, stderr } = run('--detach', ...args);
    assert.equal(status, 0, stderr);
    const uuid = stdout.trim();
    const unit = output('systemctl', 'show', '--value', '-p', 'ControlGroup', `podctl-${uuid}.service`).trim();
    return {
      uuid,
      read: (file, app) => fs.readFileSync(`/sys/fs/cgroup${unit}/${app ? `apps/app-${app}/` : ''}${file}`, 'utf8'),
      status: () => rig.ok('status', uuid),
    };
  }

  const field = (text: string, key: string): number => Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(text)?.[1]);

  /** Seconds that a command took, timed by the app itself: podctl needs some, too. */
  const timed = (command: string): string => `cat /proc/uptime && ${command} && cat /proc/uptime`;
  const seconds = ({ status, stdout, stderr }: Outcome): number => {
    assert.equal(status, 0, stderr);
    const [began = Number.NaN, ended = Number.NaN] = stdout.split('\n').map(Number.parseFloat);
    return ended - began;
  };

  /** CPUs used over a while. */
  async function cpusUsed(usage: () => string): Promise<number> {
    const [used, began] = [field(usage(), 'usage_usec'), performance.now()];
    await new Promise((resolve) => setTimeout(resolve, WINDOW));
    return (field(usage(), 'usage_usec') - used) / 1000 / (performance.now() - began);
  }

  const within10Percent = (value: number, limit: number): void =>
    assert.ok(Math.abs(value - limit) <= limit / 10, `${value.toFixed(3)} CPUs of ${limit}`);

  it('are those of a host with all controllers', () => {
    assert.deepEqual(
      CONTROLLERS.filter((name) => !controllers().includes(name)),
      [],
    );
  });

  it('resource/memory: a hog is killed and only it, and the pod says why', async () => {
    const hog = image('hog', 'dd if=/dev/zero of=/dev/null bs=200M count=1', { 'resource/memory': { limit: '32Mi' } });
    const calm = image('calm', 'exec sleep 1000', { 'resource/memory': { limit: '32Mi' } });
    const pod = start('--exit-policy=stop', calm, '---', hog);
    const pid = pod.read('cgroup.procs', 'calm');
    await until(() => /^app-hog=/m.exec(pod.status())?.[0], 'the end of the hog');
    assert.match(pod.status(), /^app-hog=137\napp-hog-reason=oom$/m);
    assert.match(pod.status(), /^state=running$/m);
    assert.equal(pod.read('cgroup.procs', 'calm'), pid);
    assert.equal(field(pod.read('memory.events', 'calm'), 'oom_kill'), 0);
  });

  it('resource/memory of a pod bounds its apps together', async () => {
    // Without an end: both have their memory at the same time, however fast one of them is.
    const hog = image('half', 'exec dd if=/dev/zero of=/dev/null bs=40M');
    const pod = start('--memory=64Mi', '--exit-policy=stop', hog, '--name=one', '---', hog, '--name=two');
    await until(() => field(pod.read('memory.events'), 'max') > 0 || undefined, 'the limit to be met');
    assert.ok(Number(pod.read('memory.peak')) <= 64 * MiB);
    assert.equal(pod.read('memory.max').trim(), String(64 * MiB));
    rig.ok('stop', '--force', pod.uuid);
  });

  it('resource/cpu: an app that burns gets its quota, within 10 %', async () => {
    const pod = start(image('burn', 'while :; do :; done', { 'resource/cpu': { limit: '300m' } }));
    within10Percent(await cpusUsed(() => pod.read('cpu.stat', 'burn')), 0.3);
  });

  it('resource/cpu of a pod: two apps that burn get its quota together, within 10 %', async () => {
    const burn = image('burn', 'while :; do :; done');
    const pod = start('--cpu=400m', burn, '--name=one', '---', burn, '--name=two');
    within10Percent(await cpusUsed(() => pod.read('cpu.stat')), 0.4);
  });

  it('podctl/pids: a fork bomb stops at the limit, and others go on', async () => {
    const bomb = image('bomb', 'f() { f | f & }; f; exec sleep 1000', {
      'podctl/pids': { limit: 40 },
      'resource/cpu': { limit: '500m' },
    });
    const pod = start(bomb);
    await until(() => field(pod.read('pids.events', 'bomb'), 'max') > 0 || undefined, 'a fork that is refused');
    for (let i = 0; i < 100; i += 1) assert.ok(Number(pod.read('pids.current', 'bomb')) <= 40);
    assert.equal(run(image('true', 'true')).status, 0);
    rig.ok('stop', '--force', pod.uuid);
    assert.match(pod.status(), /^state=exited$/m);
    assert.deepEqual(
      rig.leftovers().filter((left) => left.includes('service')),
      [],
    );
  });

  it('resource/block-bandwidth: a writer gets no more than its limit', () => {
    const write = timed('dd if=/dev/zero of=/data bs=64k count=80 oflag=direct');
    const limited = image('writer', write, { 'resource/block-bandwidth': { default: true, limit: '1M' } });
    const free = image('free', write);
    const [slow, fast] = [seconds(run(limited)), seconds(run(free))];
    // 5.24 MB at 1 MB/s; the kernel counts in slices of a tenth of a second.
    assert.ok(slow >= 4.7, `took ${slow} s`);
    assert.ok(fast < slow, `without a limit it took ${fast} s`);
  });

  it('resource/block-iops: a writer makes no more requests than its limit', () => {
    const write = timed('dd if=/dev/zero of=/data bs=4k count=250 oflag=direct');
    const slow = seconds(run(image('requests', write, { 'resource/block-iops': { default: true, limit: '50' } })));
    assert.ok(slow >= 4.5, `took ${slow} s`);
  });

  it('podctl/cpuset: an app runs on its CPUs alone', () => {
    const script = 'grep Cpus_allowed_list /proc/self/status';
    const { stdout, stderr } = run(image('pinned', script, { 'podctl/cpuset': { cpus: '1' } }));
    assert.equal(stdout, 'Cpus_allowed_list:\t1\n', stderr);
  });

  it('podctl/memory-swap and -high: memory beyond high is reclaimed or throttled, not killed', async () => {
    const file = 'dd if=/dev/zero of=/data bs=1M count=64; exec sleep 1000';
    const pod = start(
      image('high', file, { 'podctl/memory-high': { limit: '24Mi' }, 'resource/memory': { limit: '256Mi' } }),
    );
    await until(() => field(pod.read('memory.events', 'high'), 'high') > 0 || undefined, 'memory.high to be met');
    assert.equal(field(pod.read('memory.events', 'high'), 'oom_kill'), 0);
    assert.match(pod.status(), /^state=running$/m);
  });

  it('podctl/devices: what no rule names cannot be opened, whoever made the node', () => {
    const disk = output('stat', '-c', '%Hr:%Lr', '/dev/vda').trim();
    const script = [
      `mknod /tmp/kmsg c 1 11; mknod /tmp/disk b ${disk.replace(':', ' ')}`,
      'for n in kmsg disk; do [ -e /tmp/$n ] && echo made $n && : </tmp/$n && echo read $n && : >>/tmp/$n && echo wrote $n; done',
      'true',
    ].join('; ');
    const plain = run(image('nodes', script));
    assert.equal(plain.stdout, '', plain.stderr);
    assert.match(plain.stderr, /kmsg: Operation not permitted\n.*disk: Operation not permitted/);
    // Nodes of the host, in a volume that an operator shared with the app, are devices all the same.
    const nodes = `${rig.root}/nodes`;
    fs.mkdirSync(nodes);
    output('mknod', `${nodes}/disk`, 'b', ...disk.split(':'));
    const volume = [`--volume=nodes,kind=host,source=${nodes}`, '--mount=volume=nodes,target=/nodes'];
    const shared = run(...volume, image('shared', ': </nodes/disk && echo read; true'));
    assert.equal(shared.stdout, '', shared.stderr);
    const ruled = run(image('ruled', script, { 'podctl/devices': { rules: [`b ${disk} rm`] } }));
    assert.equal(ruled.stdout, 'made disk\nread disk\n', ruled.stderr);
    assert.match(ruled.stderr, /can't create \/tmp\/disk: Operation not permitted/);
  });
});
