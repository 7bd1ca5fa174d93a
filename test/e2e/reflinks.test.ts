/** `--no-overlay` on a file system with reflinks: an app's copy of its image takes no room, and is its own all the same. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { busyboxAci } from '../fixtures/aci';
import { command, needsHost, output, Rig } from '../rig/rig';
import { skip } from '../runner/skip';

const MIB = 1024 * 1024;
const IMAGE_BYTES = 24 * MIB;
/** Metadata, the pod's own files, and busybox beside the big file. */
const BESIDE = 6 * MIB;
const LOOP_MAJOR = 7;

/** Attaches a file to a loop device, which detaches itself with its last user. Undefined where there are none. */
function loopDevice(file: string): string | undefined {
  // Between being found free and being taken, another may take it.
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const found = command(['losetup', '-f']).stdout.trim();
    const [, number] = /^\/dev\/loop(\d+)$/.exec(found) ?? [];
    if (number === undefined) return undefined;
    if (!fs.existsSync(found)) command(['mknod', found, 'b', String(LOOP_MAJOR), number]);
    if (command(['losetup', found, file]).status === 0) return found;
  }
  return undefined;
}

describe('copies of images on a file system with reflinks', () => {
  let rig: Rig;
  let image: string;

  before(function () {
    needsHost(this);
    if (spawnSync('mkfs.btrfs', ['--version']).status !== 0) skip(this, 'mkfs.btrfs (btrfs-progs) is not installed');
    rig = new Rig();
    const disk = rig.write('disk', '');
    fs.truncateSync(disk, 512 * MIB);
    output('mkfs.btrfs', '-q', disk);
    const loop = loopDevice(disk);
    if (loop === undefined) skip(this, 'this host has no loop devices');
    fs.mkdirSync(rig.dataDir);
    const mounted = command(['mount', '-t', 'btrfs', loop, rig.dataDir]);
    command(['losetup', '-d', loop]);
    if (mounted.status !== 0) skip(this, `btrfs cannot be mounted: ${mounted.stderr.trim()}`);
    const files = [{ name: 'rootfs/big', content: randomBytes(IMAGE_BYTES) }];
    image = rig.write('big.aci', busyboxAci({ name: 'example.com/big', exec: ['/bin/sh'], files }));
    rig.ok('--insecure-options=image', 'fetch', image);
    // Rendered by a first pod.
    rig.ok('--insecure-options=image', 'rm', rig.ok('--insecure-options=image', 'prepare', image).trim());
  });
  after(() => {
    if (rig === undefined) return;
    command(['umount', '--lazy', rig.dataDir]);
    rig.dispose();
  });

  const used = (): number => {
    output('sync', '-f', rig.dataDir);
    const { blocks, bfree, bsize } = fs.statfsSync(rig.dataDir);
    return (blocks - bfree) * bsize;
  };
  const run = (script: string) =>
    rig.podctl('--insecure-options=image', 'run', '--net=none', '--no-overlay', image, '--', '-c', script);

  it('shares all extents, until the app writes', () => {
    const before = used();
    const { status, stdout, stderr } = run('wc -c </big');
    assert.deepEqual([status, stdout], [0, `${IMAGE_BYTES}\n`], stderr);
    const grown = used() - before;
    assert.ok(grown < BESIDE, `${grown} bytes more`);

    const written = run('head -c 4 /dev/zero | dd of=/big conv=notrunc 2>/dev/null; head -c 4 /big | hexdump -C');
    assert.match(written.stdout, /00 00 00 00/, written.stderr);
    assert.equal(run('head -c 4 /big | hexdump -C').stdout.includes('00 00 00 00'), false, 'the image is as it was');

    // What a copy without reflinks takes, so that the measure is known to show it.
    const tree = output('find', `${rig.dataDir}/pods`, '-name', 'big', '-size', '+1M').split('\n')[0] ?? '';
    const whole = used();
    output('cp', '--reflink=never', tree, `${rig.dataDir}/copy`);
    assert.ok(used() - whole >= IMAGE_BYTES);
  });
});
