import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { type AppName, isPodId, type PodId } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { journalctlArguments, showLogs } from '../../../stage0/systemd/journal';
import { encodeEntry, INIT_MESSAGE_IDS, MESSAGE_IDS, sendEvent } from '../../../stage0/systemd/journal-events';

import { skip } from '../../runner/skip';

const pod = '0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9' as PodId;
const always = ['--quiet', '--no-pager', '--all'];

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

describe('journalctl arguments', () => {
  it('match the pod', () => {
    assert.ok(isPodId(pod));
    assert.deepEqual(journalctlArguments({ pod }), [...always, `POD_UUID=${pod}`]);
  });

  it('take every option', () => {
    const apps = ['web', 'db'] as AppName[];
    const query = { pod, apps, follow: true, lines: 10, since: '-1h', until: 'now', output: 'json' };
    assert.deepEqual(journalctlArguments(query), [
      ...always,
      '--follow',
      '--lines=10',
      '--since=-1h',
      '--until=now',
      '--output=json',
      `POD_UUID=${pod}`,
      'SYSLOG_IDENTIFIER=web',
      'SYSLOG_IDENTIFIER=db',
    ]);
  });
});

describe('showLogs', () => {
  it('returns the exit status', async () => {
    assert.equal(await showLogs({ pod }, 'false'), 1);
  });
  it('says that journalctl is missing', async () => {
    await assert.rejects(
      showLogs({ pod }, 'no-such-journalctl'),
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
    sendEvent(journal, { event: 'started', pod, message: 'Pod web started', fields: { UNIT: 'x.service' } });
    assert.equal(
      sent.join(''),
      `MESSAGE=Pod web started\nMESSAGE_ID=${MESSAGE_IDS.started}\nPRIORITY=6\nSYSLOG_IDENTIFIER=podctl\nPODCTL_EVENT=started\nPOD_UUID=${pod}\nUNIT=x.service\n`,
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
