import assert from 'node:assert/strict';
import type { PodId } from '#kernel/brand';
import { collect, type GarbagePort, type GcEvent } from '../../../gc/collect';
import { type Candidate, decide } from '../../../gc/policy';

const HOUR = 3_600_000;
const now = 100 * HOUR;
const patience = { gracePeriod: HOUR, expirePrepared: 24 * HOUR, markOnly: false };
const pod = (directory: Candidate['directory'], age: number, lockHeld = false): Candidate => ({
  id: `00000000-0000-4000-8000-00000000000${directory.length}` as PodId,
  directory,
  lockHeld,
  since: now - age,
});
const kind = (candidate: Candidate, more = {}) => {
  const action = decide(candidate, now, { ...patience, ...more });
  return action === undefined ? 'leave' : action.kind === 'mark' ? `mark ${action.to}` : action.kind;
};

describe('gc policy', () => {
  const rows: readonly [Candidate['directory'], number, string][] = [
    ['embryo', 0, 'leave'],
    ['embryo', HOUR, 'mark garbage'],
    ['prepare', 0, 'mark garbage'],
    ['prepared', 24 * HOUR - 1, 'leave'],
    ['prepared', 24 * HOUR, 'mark garbage'],
    ['run', 0, 'mark exited-garbage'],
    ['exited-garbage', HOUR - 1, 'keep'],
    ['exited-garbage', HOUR, 'remove'],
    ['garbage', 0, 'remove'],
  ];
  for (const [directory, age, expected] of rows) {
    it(`${directory} of ${age / HOUR} h: ${expected}`, () => assert.equal(kind(pod(directory, age)), expected));
    it(`${directory} in use: leave`, () => assert.equal(kind(pod(directory, age, true)), 'leave'));
  }
  it('without a grace period, what was marked in this millisecond, or before the clock was set back, is removed', () => {
    for (const age of [-0.5, -HOUR]) assert.equal(kind(pod('exited-garbage', age), { gracePeriod: 0 }), 'remove');
    assert.equal(kind(pod('prepared', -0.5), { expirePrepared: 0 }), 'mark garbage');
    assert.equal(kind(pod('exited-garbage', -0.5)), 'keep');
  });
  it('--mark-only removes nothing', () => {
    for (const directory of ['exited-garbage', 'garbage'] as const) {
      assert.equal(kind(pod(directory, 99 * HOUR), { markOnly: true }), 'leave');
    }
  });
});

describe('gc collect', () => {
  /** Two pods by directory; the second resists. */
  function run(directories: Map<string, Candidate['directory']>, gracePeriod: number): GcEvent[] {
    const events: GcEvent[] = [];
    const port: GarbagePort = {
      candidates: () =>
        [...directories].map(([id, directory]) => ({ id: id as PodId, directory, lockHeld: false, since: now })),
      mark: (candidate, to) => {
        directories.set(candidate.id, to);
        return true;
      },
      remove: (candidate) => {
        if (candidate.id === 'bad') throw new Error('device busy');
        return directories.delete(candidate.id);
      },
    };
    collect(
      port,
      () => now,
      { ...patience, gracePeriod },
      (event) => events.push(event),
    );
    return events;
  }

  it('marks, then sweeps in the same run when there is no grace period', () => {
    const directories = new Map<string, Candidate['directory']>([['a', 'run']]);
    const events = run(directories, 0);
    assert.equal(directories.size, 0);
    assert.deepEqual(
      events.map((event) => (event.kind === 'done' ? event.action.kind : event.kind)),
      ['mark', 'remove'],
    );
  });

  it('reports a pod that resists and goes on with the others', () => {
    const directories = new Map<string, Candidate['directory']>([
      ['bad', 'garbage'],
      ['good', 'garbage'],
    ]);
    const events = run(directories, 0);
    assert.deepEqual([...directories.keys()], ['bad']);
    assert.ok(events.some((event) => event.kind === 'failed' && event.message === 'device busy'));
  });
});
