import assert from 'node:assert/strict';
import fs from 'node:fs';
import type { AbsPath } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { forEachPod } from '../../../stage0/cli/commands/pod-argument';
import { Pods } from '../../../stage0/pod/pods';
import { rejectsCode } from '../../fixtures/expect';
import { scratchDirectory } from '../../fixtures/scratch';

const COUNT = 100;
const ids = Array.from(
  { length: COUNT },
  (_, index) => `${String(index).padStart(8, '0')}-0f51-4b83-9a2e-7c1d3e9b2a10`,
);

describe('pods named on a command line', () => {
  const scratch = scratchDirectory();
  const services = () => {
    const dataDir = scratch() as AbsPath;
    for (const id of ids) fs.mkdirSync(`${dataDir}/pods/run/${id}`, { recursive: true });
    return { pods: new Pods(dataDir, { flock: () => true }), dataDir, disconnect: () => undefined };
  };

  it('are dealt with several at a time, fewer than a bus takes calls of, and reported in the order they were named', async () => {
    let [now, most] = [0, 0];
    const said: string[] = [];
    const tell = (message: string): void => assert.fail(message);
    const status = await forEachPod(services(), ids, tell, async ({ id }) => {
      now += 1;
      most = Math.max(most, now);
      // The later it began, the sooner it ends.
      for (let turns = COUNT - Number(id.slice(0, 8)); turns > 0; turns -= 1) await Promise.resolve();
      now -= 1;
      return () => void said.push(id);
    });
    assert.equal(status, 0);
    assert.deepEqual(said, ids);
    assert.ok(most > 1 && most <= 64, String(most));
  });

  it('that cannot be dealt with are told, and the others are dealt with all the same', async () => {
    const [told, said]: [string[], string[]] = [[], []];
    const all = forEachPod(
      services(),
      ids.slice(0, 3),
      (message) => void told.push(message),
      ({ id }) => {
        if (id === ids[1]) throw new PodctlError('pod-wrong-state', 'it is busy');
        return () => void said.push(id);
      },
    );
    await rejectsCode('pods-failed', all);
    assert.deepEqual([told, said], [['pod-wrong-state: it is busy'], [ids[0], ids[2]]]);
  });
});
