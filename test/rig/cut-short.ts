/** Commands cut short at every moment that changes something, and what has to be true afterwards. */
import assert from 'node:assert/strict';
import { EVERY, type Fault, momentsOf, runWith } from './faults';
import type { Rig } from './rig';

const FAULTS: readonly Fault[] = ['KILL', 'ENOSPC', 'EIO'];

/** A command, what it needs to begin with, and what it leaves when it was done. */
export interface Subject {
  readonly args: readonly string[];
  readonly before: () => void;
  readonly done: () => void;
}

/** What has to be true. `at` says when: for messages. */
export interface Demands {
  /** Through the eyes of a concurrent reader, before anything is put right: what has a name is whole. */
  nothingHalf(at: string): void;
  /** A crash left nothing but what gc removes. */
  sound(at: string): Promise<void>;
  /** The command succeeded afterwards, and gc has nothing left to do. */
  clean(at: string): Promise<void>;
}

/**
 * @param least changes that there have to be, so that a test that sees none fails
 * @param stride in the short form one moment of so many
 */
export async function survives(rig: Rig, demands: Demands, least: number, subject: Subject, stride = 1): Promise<void> {
  const { args, before: begin, done } = subject;
  const check = async (at: string): Promise<void> => {
    await demands.sound(at);
    const again = rig.podctl(...args);
    assert.equal(again.status, 0, `${at}: ${again.stderr}`);
    done();
    await demands.clean(at);
  };
  begin();
  // Not the descriptors with which the runtime wakes its own threads.
  const all = momentsOf(rig, args).filter(({ ours }) => ours);
  assert.ok(all.length >= least, `only ${all.length} changes were seen`);
  const moments = all.filter((_, index) => EVERY || index % stride === 0);
  for (const fault of FAULTS) {
    let failed = 0;
    for (const [index, moment] of moments.entries()) {
      // In the short form a moment meets either of the two errors.
      if (!EVERY && fault === FAULTS[1 + (index % 2)]) continue;
      begin();
      const { status, signal, stderr } = runWith(rig, fault, moment, args);
      const at = `after ${fault} at ${moment.call} ${moment.n}: status ${status}: ${stderr}`;
      demands.nothingHalf(at);
      // Status 0: of no consequence, or the count varied by one.
      if (status !== 0) {
        failed += 1;
        // The count of the runtime's own writes varies, and it aborts if one of them fails.
        const hitRuntime = moment.call === 'write' && signal === 'SIGABRT';
        if (fault === 'KILL') assert.ok(signal === 'SIGKILL' || status === 137, at);
        else if (hitRuntime) failed -= 1;
        else requireTold(fault, status, stderr, at);
      }
      await check(at);
    }
    assert.ok(failed >= least / 6 / stride, `${fault}: only ${failed} of ${moments.length} had an effect`);
  }
}

function requireTold(fault: Fault, status: number | null, stderr: string, at: string): void {
  assert.equal(status, 254, at);
  assert.match(stderr, new RegExp(`: io: .*${fault === 'EIO' ? 'EIO' : 'ENOSPC'}`), at);
  if (fault === 'ENOSPC') assert.match(stderr, /hint: free some space/, at);
}
