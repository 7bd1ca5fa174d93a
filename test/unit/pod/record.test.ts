import assert from 'node:assert/strict';
import fs from 'node:fs';
import type { AbsPath, AppName, PodId } from '#kernel/brand';
import { readAppStatus, readFailure, readPid, readRecord, recordIfReadable } from '../../../stage0/pod/record';
import { unitOf } from '../../../stage0/pod/unit';
import { throwsCode } from '../../fixtures/expect';
import { scratchDirectory } from '../../fixtures/scratch';

describe('files of a pod', () => {
  const scratch = scratchDirectory();
  const write = (name: string, content: string): string => {
    fs.mkdirSync(`${scratch()}/status`, { recursive: true });
    fs.writeFileSync(`${scratch()}/${name}`, content);
    return scratch();
  };

  it('tells a record that is missing from one that is damaged', () => {
    assert.equal(readRecord(scratch()), undefined);
    for (const damaged of ['', '{"version":1,', '{"version":2,"apps":[]}', '[]']) {
      throwsCode('pod-damaged', () => readRecord(write('record.json', damaged)));
      assert.equal(recordIfReadable(scratch()), undefined);
    }
    const record = { version: 1, name: 'shop', createdAt: 5, apps: [] };
    assert.deepEqual(readRecord(write('record.json', JSON.stringify(record))), record);
  });

  it("knows the unit that the pod runs in: its own, unless the record names one of the user's", () => {
    const entry = { id: '5f0c1f9a-0f51-4b83-9a2e-7c1d3e9b2a10' as PodId, path: scratch() as AbsPath };
    const own = `podctl-${entry.id}.service`;
    assert.equal(unitOf(entry), own);
    const record = { version: 1, name: 'shop', createdAt: 5, apps: [] };
    write('record.json', JSON.stringify(record));
    assert.equal(unitOf(entry), own);
    write('record.json', JSON.stringify({ ...record, unit: { name: 'shop.service', invocationId: '0'.repeat(32) } }));
    assert.equal(unitOf(entry), 'shop.service');
    write('record.json', '{"version":1,');
    assert.equal(unitOf(entry), own);
  });

  it('reads the status of an app, times to the nanosecond', () => {
    const text =
      'state=exited\nstarted=1795332126861064701\nfinished=1795332126861064702\nexit=137\nreason=signal\nrestarts=2\n';
    assert.deepEqual(readAppStatus(write('status/web', text), 'web' as AppName), {
      state: 'exited',
      pid: undefined,
      startedAt: 1795332126861064701n,
      finishedAt: 1795332126861064702n,
      exitCode: 137,
      reason: 'signal',
      detail: undefined,
      restarts: 2,
      health: undefined,
    });
    assert.equal(readAppStatus(write('status/web', 'state=running\npid=7\n'), 'web' as AppName)?.pid, 7);
    assert.equal(readAppStatus(scratch(), 'db' as AppName), undefined);
  });

  it('reads the health of an app, and what a check said as it said it', () => {
    const health = (more: string) =>
      readAppStatus(write('status/web', `state=running\npid=7\n${more}`), 'web' as AppName)?.health;
    assert.deepEqual(health('health=healthy\n'), { state: 'healthy', failures: 0, output: undefined });
    assert.deepEqual(health('health=unhealthy\nhealth-failures=3\nhealth-output=status 7: 100%25 lost\n'), {
      state: 'unhealthy',
      failures: 3,
      output: 'status 7: 100% lost',
    });
    assert.equal(health('health=splendid\n'), undefined);
  });

  it('reads why the executor gave up, and the pid it wrote', () => {
    write('failure', 'app=web\noperation=exec\nline=12\nsyscall=execve\nerrno=ENOENT\nobject=/bin/x\ndetail=a%20b\n');
    const failure = readFailure(scratch());
    assert.deepEqual(
      [failure?.app, failure?.operation, failure?.errno, failure?.detail],
      ['web', 'exec', 'ENOENT', 'a b'],
    );
    assert.equal(readPid(write('pid', '4242\n')), 4242);
    assert.equal(readPid(write('pid', 'x')), undefined);
  });
});
