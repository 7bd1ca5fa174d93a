/** Limits as the kernel has them, for hosts with cgroup controllers: what was asked for is what stands in the files. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { diskOf } from '../../stage0/host/disk';
import { busyboxAci } from '../fixtures/aci';
import { needsHost, output, Rig } from '../rig/rig';
import { skip } from '../runner/skip';

const NEEDED = ['cpu', 'cpuset', 'io', 'memory', 'pids'];

describe('limits of cgroups', () => {
  let rig: Rig;
  let image: string;
  let disk: string;

  before(function () {
    needsHost(this);
    const controllers = fs.readFileSync('/sys/fs/cgroup/cgroup.controllers', 'utf8').trim().split(' ');
    if (NEEDED.some((name) => !controllers.includes(name))) skip(this, 'this host has no cgroup controllers');
    rig = new Rig();
    disk = diskOf(rig.dataDir) ?? '';
    const block = (limit: string) => ({ default: true, limit });
    image = rig.write(
      'limited.aci',
      busyboxAci({
        name: 'example.com/limited',
        exec: ['/bin/sleep', '1000'],
        app: {
          isolators: [
            { name: 'resource/memory', value: { request: '16Mi', limit: '64Mi' } },
            { name: 'resource/cpu', value: { request: '500m', limit: '1500m' } },
            { name: 'resource/block-bandwidth', value: block('1M') },
            { name: 'resource/block-iops', value: block('500') },
          ],
        },
      }),
    );
  });
  after(() => rig?.dispose());

  /** The cgroup of the unit of a pod that runs detached. */
  function start(...args: readonly string[]): string {
    const uuid = rig.ok('--insecure-options=image', 'run', '--net=none', '--detach', ...args).trim();
    return `/sys/fs/cgroup${output('systemctl', 'show', '--value', '-p', 'ControlGroup', `podctl-${uuid}.service`).trim()}`;
  }

  const value = (cgroup: string, file: string): string => fs.readFileSync(`${cgroup}/${file}`, 'utf8').trim();
  const values = (cgroup: string, expected: Readonly<Record<string, string>>): void => {
    const found = Object.fromEntries(Object.keys(expected).map((file) => [file, value(cgroup, file)]));
    assert.deepEqual(found, expected);
  };

  it('I5 I6 of an app are those of its isolators, in base units', () => {
    const unit = start(
      image,
      '--cpuset-cpus=0',
      '--cpuset-mems=0',
      '--io-weight=50',
      '--memory-high=48Mi',
      '--memory-swap=96Mi',
    );
    const app = `${unit}/apps/app-limited`;
    values(app, {
      'memory.max': String(64 * 1024 ** 2),
      'memory.low': String(16 * 1024 ** 2),
      'memory.high': String(48 * 1024 ** 2),
      'memory.swap.max': String(32 * 1024 ** 2),
      'memory.oom.group': '1',
      'cpu.max': '150000 100000',
      'cpu.weight': '59',
      'cpuset.cpus': '0',
      'cpuset.mems': '0',
      'pids.max': '2048',
      'io.max': `${disk} rbps=1000000 wbps=1000000 riops=500 wiops=500`,
      'io.weight': 'default 50',
    });
    assert.equal(value(app, 'cgroup.type'), 'domain');
    assert.equal(value(app, 'cgroup.procs').split('\n').length, 1);
    assert.equal(value(unit, 'cgroup.procs'), '');
  });

  it('are by default one of processes, and only its controllers are there', () => {
    const plain = rig.write('plain.aci', busyboxAci({ name: 'example.com/plain', exec: ['/bin/sleep', '1000'] }));
    const unit = start(plain, '--pids-limit=20', '--oom-group=false');
    const app = `${unit}/apps/app-plain`;
    values(app, { 'pids.max': '20', 'memory.oom.group': '0', 'memory.max': 'max', 'memory.swap.max': 'max' });
    assert.deepEqual(value(`${unit}/apps`, 'cgroup.subtree_control').split(' ').sort(), ['memory', 'pids']);
    assert.equal(value(unit, 'pids.max'), '16384');
  });

  it('I4 of a pod are those of its unit, and bound its apps', () => {
    const flags = [
      '--memory=32Mi',
      '--cpu=500m',
      '--pids-limit=30',
      '--cpuset-cpus=0',
      '--io-weight=200',
      '--memory-high=24Mi',
    ];
    const unit = start(...flags, image);
    values(unit, {
      'memory.max': String(32 * 1024 ** 2),
      'memory.low': String(32 * 1024 ** 2),
      'memory.high': String(24 * 1024 ** 2),
      'memory.swap.max': '0',
      'cpu.max': '50000 100000',
      'cpu.weight': '59',
      'pids.max': '30',
      'cpuset.cpus': '0',
      'io.weight': 'default 200',
    });
    values(`${unit}/apps/app-limited`, {
      'memory.max': String(32 * 1024 ** 2),
      'cpu.max': '50000 100000',
      'pids.max': '30',
    });
    const status = rig.ok('status', unit.slice(-44, -8));
    assert.match(
      status,
      /^app-limited-isolator-resource\/memory=adjusted: limit lowered to that of the pod \(33554432\)$/m,
    );
    assert.match(status, /^app-limited-isolator-resource\/cpu=adjusted: /m);
    assert.match(status, /^isolator-podctl\/pids=enforced$/m);
  });

  it('of block devices are on the disk for a whole pod', () => {
    const manifest = JSON.parse(rig.ok('image', 'cat-manifest', 'example.com/limited')) as { app: object };
    const id = rig
      .ok('image', 'list', '--full', '--no-legend')
      .split('\n')
      .find((line) => line.includes('example.com/limited'));
    const pod = rig.write(
      'pod.json',
      JSON.stringify({
        acVersion: '0.8.11',
        acKind: 'PodManifest',
        apps: [{ name: 'limited', image: { id: id?.split(/\s+/)[0] }, app: { ...manifest.app, isolators: [] } }],
        isolators: [{ name: 'resource/block-bandwidth', value: { default: true, limit: '2M' } }],
      }),
    );
    const unit = start(`--pod-manifest=${pod}`);
    assert.match(value(unit, 'io.max'), new RegExp(`^${disk} rbps=2000000 wbps=2000000 riops=max wiops=max$`));
  });

  it('that cannot be had are told before there is a pod', () => {
    const { status, stderr } = rig.podctl('--insecure-options=image', 'run', '--net=none', image, '--cpuset-cpus=99');
    assert.equal(status, 254);
    assert.match(stderr, /isolator-unenforceable: .*CPU 99 is not online here/);
  });
});
