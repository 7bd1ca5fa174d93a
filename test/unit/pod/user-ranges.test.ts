import assert from 'node:assert/strict';
import fs from 'node:fs';
import type { AbsPath, PodId } from '#kernel/brand';
import { Pods } from '../../../stage0/pod/pods';
import { giveRangeBack, podOfRange, rangesInUse, sweepRanges, takeRange } from '../../../stage0/pod/user-ranges';
import { scratchDirectory } from '../../fixtures/scratch';

const podId = (n: number): PodId => `00000000-0000-4000-8000-00000000000${n}` as PodId;
const range = (first: number) => ({ first, count: 65_536 });

describe('ranges of users that pods have', () => {
  const place = scratchDirectory();
  const data = (): AbsPath => place() as AbsPath;
  const pods = (): Pods => new Pods(data(), { flock: () => true });

  /** A pod that ran, as far as anybody looks. */
  function makePod(n: number, users: object | undefined): void {
    const directory = `${data()}/pods/run/${podId(n)}`;
    fs.mkdirSync(directory, { recursive: true });
    const record = { version: 1, name: `pod-${n}`, createdAt: 1, apps: [], ...(users === undefined ? {} : { users }) };
    fs.writeFileSync(`${directory}/record.json`, JSON.stringify(record));
  }

  it('are gathered from the records by the first pod of a boot', () => {
    makePod(1, range(1_000_000));
    makePod(2, undefined);
    makePod(3, range(2_000_000));
    makePod(4, range(2_000_000));
    const found = rangesInUse(data(), pods());
    assert.deepEqual(
      [...found].sort((a, b) => a.first - b.first),
      [range(1_000_000), range(2_000_000)],
    );
    makePod(5, range(3_000_000));
    assert.equal(rangesInUse(data(), pods()).length, 2, 'and from then on by their links alone');
  });

  it('are taken, and given back by the pod that has them and by no other', () => {
    assert.deepEqual(rangesInUse(data(), pods()), []);
    takeRange(data(), range(1_000_000), podId(1));
    assert.throws(() => takeRange(data(), range(1_000_000), podId(2)), { code: 'EEXIST' });
    giveRangeBack(data(), range(1_000_000), podId(2));
    assert.equal(podOfRange(data(), range(1_000_000)), podId(1));
    giveRangeBack(data(), range(1_000_000), podId(1));
    giveRangeBack(data(), range(1_000_000), podId(1));
    assert.deepEqual(rangesInUse(data(), pods()), []);
  });

  it('are swept when their pod is gone, with what earlier boots and crashes left', () => {
    rangesInUse(data(), pods());
    takeRange(data(), range(1_000_000), podId(1));
    takeRange(data(), range(2_000_000), podId(2));
    fs.mkdirSync(`${data()}/users/another-boot`);
    fs.symlinkSync(podId(3), `${data()}/users/another-boot/1-1`);
    sweepRanges(data(), (id) => id === podId(2));
    assert.deepEqual(rangesInUse(data(), pods()), [range(2_000_000)]);
    assert.equal(fs.readdirSync(`${data()}/users`).length, 1);
  });
});
