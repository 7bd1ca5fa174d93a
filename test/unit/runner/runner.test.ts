import { deepEqual, equal, match } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Children } from '../../runner/child';
import { eventLine, readEvent, type TestEvent } from '../../runner/events';
import { processesOf, RUN_VARIABLE } from '../../runner/leftovers';
import { countsLine, newResult, readCounts, succeeded, summary } from '../../runner/result';

const result = (suite: string, passed: number, failed: number, skipped = 0) => ({
  ...newResult(suite),
  passed,
  failures: Array.from({ length: failed }, (_, i) => ({ title: `test ${i}`, text: 'expected\nactual' })),
  skips: Array.from({ length: skipped }, (_, i) => ({ title: `skip ${i}`, reason: 'no xz' })),
});

describe('counts', () => {
  it('are summed, and read back', () => {
    equal(countsLine([result('a', 2, 0), result('b', 3, 1)]), '5 passed, 1 failed');
    equal(countsLine([result('a', 2, 0, 1)]), '2 passed, 0 failed, 1 skipped');
    deepEqual(readCounts(' 2 passed, 0 failed, 1 skipped '), { passed: 2, failed: 0, skipped: 1 });
    equal(readCounts('2 passed'), undefined);
    equal(readCounts('all 2 passed, 0 failed'), undefined);
  });

  it('nothing tested is no success', () => {
    equal(succeeded([result('a', 0, 0)]), false);
    equal(succeeded([result('a', 1, 0), result('b', 0, 0)]), true);
    equal(succeeded([result('a', 9, 1)]), false);
  });

  it('close the summary, alone on their line, behind failures in full and reasons of skips', () => {
    const text = summary([result('unit', 2, 1, 1)]);
    match(text, /skipped: unit: skip 0\n {4}no xz\n/);
    match(text, /FAILED: unit: test 0\n {4}expected\n {4}actual\n/);
    match(text, /\n\n2 passed, 1 failed, 1 skipped\n$/);
  });
});

describe('events', () => {
  it('are found behind what a test printed without ending its line', () => {
    const event: TestEvent = { type: 'fail', title: 'a\nb', text: 'c' };
    deepEqual(readEvent(`out${eventLine(event).trimEnd()}`), { before: 'out', event });
    equal(readEvent('out'), undefined);
  });
});

describe('the reporter', () => {
  it('tells passes, failures, and skips with their reasons', () => {
    const folder = mkdtempSync(join(tmpdir(), 'podctl-reporter-'));
    const runner = join(__dirname, '../../runner');
    try {
      const file = join(folder, 'sample.test.js');
      writeFileSync(
        file,
        `const { skip } = require(${JSON.stringify(join(runner, 'skip.js'))});
        describe('s', () => {
          it('good', () => {});
          it('bad', () => { throw new Error('why'); });
          it('not here', function () { skip(this, 'no xz'); });
          describe('whole', () => { before(function () { skip(this, 'no systemd'); }); it('one', () => {}); });
          it.skip('silent', () => {});
        });`,
      );
      const mocha = join(__dirname, '../../../../node_modules/mocha/bin/mocha.js');
      const argv = [mocha, '--reporter', join(runner, 'reporter.js'), file];
      const { stdout } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
      const told = stdout.split('\n').flatMap((line) => {
        const event = readEvent(line)?.event;
        if (event === undefined) return [];
        if (event.type === 'end') return ['end'];
        return [`${event.type} ${event.title}${event.type === 'skip' ? `: ${event.reason}` : ''}`];
      });
      deepEqual(told.sort(), [
        'end',
        'fail s bad',
        'pass s good',
        'skip s not here: no xz',
        'skip s silent: no reason given',
        'skip s whole one: no systemd',
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('children', () => {
  const options = { cwd: '/', env: process.env, timeout: 60_000, onLine: () => undefined };

  it('say how they ended', async () => {
    const children = new Children();
    deepEqual(await children.run(['true'], options), { failure: undefined });
    deepEqual(await children.run(['sh', '-c', 'exit 3'], options), { failure: 'status 3' });
    deepEqual(await children.run(['sh', '-c', 'kill -9 $$'], options), { failure: 'SIGKILL' });
    match((await children.run(['/nonexistent'], options)).failure ?? '', /ENOENT/);
    deepEqual(await children.run(['sleep', '60'], { ...options, timeout: 50 }), { failure: 'not done after 0.05 s' });
  });

  it('are ended with all they started (else this does not end)', async () => {
    const children = new Children();
    const run = `runner-test-${process.pid}`;
    const ended = children.run(['sh', '-c', 'sleep 61 & sleep 62; true'], {
      ...options,
      env: { ...process.env, [RUN_VARIABLE]: run },
    });
    while (processesOf(run).length < 3) await new Promise((done) => setTimeout(done, 5));
    children.endAll();
    await ended;
    while (processesOf(run).length > 0) await new Promise((done) => setTimeout(done, 5));
  });
});
