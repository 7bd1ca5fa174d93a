/** Facts of this host, held against what the host says elsewhere. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { diskOf } from '../../../stage0/host/disk';
import { factReader } from '../../../stage0/host/facts';
import type { AbsPath } from '../../../stage0/kernel/brand';
import { skip } from '../../runner/skip';

describe('the disk below a directory', () => {
  it('is none for a tmpfs', () => assert.equal(diskOf('/dev/shm'), undefined));

  it('is that of the nearest parent that exists', () => {
    assert.equal(diskOf('/no/such/directory'), diskOf('/'));
    const link = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'podctl-disk-')), 'link');
    fs.symlinkSync('/dev/shm', link);
    assert.equal(diskOf(`${link}/not/there`), undefined);
    fs.rmSync(path.dirname(link), { recursive: true });
  });

  it('is a whole one, the device of the file system or of the disk it is a partition of', function () {
    const [source = '', major = ''] = execFileSync('stat', ['-c', '%n %Hd', '/'], { encoding: 'utf8' })
      .trim()
      .split(' ');
    if (major === '0') skip(this, `${source} is on no disk here`);
    const disk = diskOf('/') ?? '';
    assert.match(disk, /^\d+:\d+$/);
    assert.ok(!fs.existsSync(`/sys/dev/block/${disk}/partition`));
    const block = fs.realpathSync(`/sys/dev/block/${disk}`);
    const own = fs.realpathSync(
      `/sys/dev/block/${execFileSync('stat', ['-c', '%Hd:%Ld', '/'], { encoding: 'utf8' }).trim()}`,
    );
    assert.ok(own === block || path.dirname(own) === block, `${own} ${block}`);
  });
});

describe('facts of the host', () => {
  it('are read when asked for, and once', () => {
    const read = factReader('/' as AbsPath);
    assert.deepEqual(Object.keys(read(new Set())), ['controllers']);
    const facts = read(new Set(['cpus', 'nodes', 'swap', 'ioWeight', 'disk']));
    assert.match(facts.cpus ?? '', /^\d/);
    assert.match(facts.nodes ?? '', /^\d/);
    assert.equal(facts.swap, fs.existsSync('/proc/swaps'));
    assert.equal(facts.path, '/');
    assert.equal(read(new Set(['cpus'])), facts);
  });

  it('name the controllers of cgroup v2', () => {
    const known = ['cpuset', 'cpu', 'io', 'memory', 'hugetlb', 'pids', 'rdma', 'misc', 'perf_event', 'dmem'];
    for (const name of factReader('/' as AbsPath)(new Set()).controllers) assert.ok(known.includes(name), name);
  });
});
