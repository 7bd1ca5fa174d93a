import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { type AppName, isPodId, type PodId } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { rangeArguments, showLogs } from '../../../stage0/systemd/journal';
import { encodeEntry, INIT_MESSAGE_IDS, MESSAGE_IDS, sendEvent } from '../../../stage0/systemd/journal-events';
import { ownSource, podMatches } from '../../../stage0/systemd/journal-match';

import { skip } from '../../runner/skip';

const pod = '0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9' as PodId;

const INIT = path.resolve(__dirname, '../../../native/podctl-stage1');

describe('the events of the init', () => {
  it("have the executor's MESSAGE_IDs, each of its own", function () {
    if (!fs.existsSync(INIT)) skip(this, 'podctl-stage1 is not built: npm run build:native');
    const table = Object.entries(INIT_MESSAGE_IDS).map((row) => row.join(' '));
    assert.deepEqual(execFileSync(INIT, ['events'], { encoding: 'utf8' }).trimEnd().split('\n'), table);
    const all = [...Object.values(INIT_MESSAGE_IDS), ...Object.values(MESSAGE_IDS)];
    assert.equal(new Set<string>(all).size, all.length);
  });
});

const unit = `podctl-${pod}.service`;

describe('journalctl arguments', () => {
  it('match what journald says of the pod, not what anybody could', () => {
    assert.ok(isPodId(pod));
    const all = [`_SYSTEMD_UNIT=${unit}`, '+', '_PID=1', `UNIT=${unit}`, '+', '_UID=0', `POD_UUID=${pod}`];
    assert.deepEqual(podMatches(ownSource(pod)), all);
    const apps = ['web', 'db'] as AppName[];
    const some = [`_SYSTEMD_UNIT=${unit}`, 'SYSLOG_IDENTIFIER=web', 'SYSLOG_IDENTIFIER=db'];
    assert.deepEqual(podMatches(ownSource(pod), apps), some);
  });

  it('match one run of a unit of the user', () => {
    const source = { pod, unit: 'shop.service', invocation: 'a1'.repeat(16) };
    assert.deepEqual(podMatches(source, ['web' as AppName]), [
      '_SYSTEMD_UNIT=shop.service',
      `_SYSTEMD_INVOCATION_ID=${'a1'.repeat(16)}`,
      'SYSLOG_IDENTIFIER=web',
    ]);
    assert.ok(podMatches(source).includes(`INVOCATION_ID=${'a1'.repeat(16)}`));
  });

  it('take every range', () => {
    assert.deepEqual(rangeArguments({ source: ownSource(pod) }), ['--no-tail']);
    assert.deepEqual(rangeArguments({ source: ownSource(pod), lines: 10, since: '-1h', until: 'now' }), [
      '--lines=10',
      '--since=-1h',
      '--until=now',
    ]);
  });
});

describe('showLogs', () => {
  it('returns the exit status', async () => {
    assert.equal(await showLogs({ source: ownSource(pod) }, 'cat', 'false'), 1);
  });
  it('says that journalctl is missing', async () => {
    await assert.rejects(
      showLogs({ source: ownSource(pod) }, 'cat', 'no-such-journalctl'),
      (error) =>
        error instanceof PodctlError &&
        error.code === 'journalctl-failed' &&
        /no no-such-journalctl in PATH/.test(error.message),
    );
  });
});

describe('journal events', () => {
  it('are entries of the native protocol', () => {
    const sent: Buffer[] = [];
    const journal = { journalSend: (payload: Buffer) => sent.push(payload) };
    sendEvent(journal, { event: 'prepared', pod, name: 'web', message: 'Pod web prepared', fields: { APPS: 'web' } });
    assert.equal(
      sent.join(''),
      `MESSAGE=Pod web prepared\nMESSAGE_ID=${MESSAGE_IDS.prepared}\nPRIORITY=6\nSYSLOG_IDENTIFIER=podctl\nPODCTL_EVENT=prepared\nPOD_UUID=${pod}\nPOD_NAME=web\nAPPS=web\n`,
    );
  });
  it('keep values with newlines', () => {
    assert.equal(encodeEntry({ A: 'b\nc' }).toString('latin1'), 'A\n\x03\0\0\0\0\0\0\0b\nc\n');
  });
  it('refuse names that the journal would drop', () => {
    for (const name of ['_PID', 'a', '', '1A', 'A=B', 'A'.repeat(65)])
      assert.throws(() => encodeEntry({ [name]: '' }), TypeError);
  });
  it('have identifiers of their own', () => {
    const ids = Object.values(MESSAGE_IDS);
    assert.equal(new Set(ids).size, ids.length);
    for (const id of ids) assert.match(id, /^[0-9a-f]{32}$/);
  });
});
