import assert from 'node:assert/strict';
import fs from 'node:fs';
import type { AbsPath, PodId } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { findPod } from '../../../stage0/pod/lookup';
import { claimName, namesInUse, releaseName } from '../../../stage0/pod/names';
import { type LockPort, Pods } from '../../../stage0/pod/pods';
import { throwsCode } from '../../fixtures/expect';
import { scratchDirectory } from '../../fixtures/scratch';

const A = '5f0c1f9a-0f51-4b83-9a2e-7c1d3e9b2a10' as PodId;
const B = '5f0c1f9a-1111-4b83-9a2e-7c1d3e9b2a10' as PodId;
const C = 'c0ffee00-0f51-4b83-9a2e-7c1d3e9b2a10' as PodId;

describe('what a pod may be called', () => {
  const scratch = scratchDirectory();
  let dataDir: AbsPath;
  let pods: Pods;
  /** Inodes of directories that somebody holds. */
  const held = new Set<number>();
  const locks: LockPort = { flock: (fd) => !held.has(fs.fstatSync(fd).ino) };

  const make = (id: PodId, record: object, directory = 'run', runs = false): void => {
    const path = `${dataDir}/pods/${directory}/${id}`;
    fs.mkdirSync(path, { recursive: true });
    fs.writeFileSync(`${path}/record.json`, JSON.stringify({ version: 1, name: `podctl-${id}`, apps: [], ...record }));
    if (runs) held.add(fs.statSync(path).ino);
  };
  const find = (reference: string): string => findPod(pods, dataDir, reference).id;
  const claim = (name: string, id: PodId, isOver = true): void => claimName(dataDir, locks, name, id, () => isOver);

  beforeEach(() => {
    dataDir = scratch() as AbsPath;
    pods = new Pods(dataDir, locks);
    held.clear();
    make(A, { name: 'shop', createdAt: 1 });
    make(B, { createdAt: 2 }, 'run', true);
    make(C, { createdAt: 3 }, 'prepared');
    claim('shop', A);
  });

  for (const [reference, id] of [
    ['shop', A],
    ['c0f', C],
    [B, B],
    ['5f0c1f9a-1', B],
    [`podctl-${A}`, A],
    [`podctl-${C}.service`, C],
  ] as const)
    it(`takes ${reference}`, () => assert.equal(find(reference), id));

  for (const reference of ['nobody', 'ffff', 'podctl-5f0c', '../run', 'c0f.service', '%', 'C0FFEE00'])
    it(`finds none for ${reference}`, () => throwsCode('pod-not-found', () => find(reference)));

  it('names the pods that had a name which another took and that is nobody’s now', () => {
    claim('shop', B);
    assert.equal(find('shop'), B);
    releaseName(dataDir, locks, 'shop', B);
    assert.throws(
      () => find('shop'),
      (error: unknown) => error instanceof PodctlError && error.hint?.includes(`took the name from ${A}`) === true,
    );
  });

  it('refuses the empty reference, which every UUID begins with', () => throwsCode('usage', () => find('')));

  it('lists the candidates of an ambiguous prefix, their names and states', () => {
    assert.throws(() => find('5f0'), /2 matches: 5f0c1f9a-0f51\S+ \(shop, exited\), 5f0c1f9a-1111\S+ \(running\)$/);
  });

  it('means the pod that runs in a unit of the user, else the last that did', () => {
    const unit = { name: 'web.service', invocationId: '0'.repeat(32) };
    make(A, { createdAt: 1, unit });
    make(C, { createdAt: 3, unit });
    assert.equal(find('web'), C);
    make(B, { createdAt: 2, unit }, 'run', true);
    assert.equal(find('web.service'), B);
  });

  it('prefers a name to the beginning of a UUID', () => {
    claim('c0f', B);
    assert.equal(find('c0f'), B);
  });

  it('lets a name go from a pod that is over to another one, and from no other', () => {
    throwsCode('pod-name-taken', () => claim('shop', B, false));
    claim('shop', A, false);
    claim('shop', B);
    assert.equal(find('shop'), B);
    releaseName(dataDir, locks, 'shop', A);
    assert.equal(find('shop'), B);
    releaseName(dataDir, locks, 'shop', B);
    assert.deepEqual(namesInUse(dataDir), []);
  });
});
