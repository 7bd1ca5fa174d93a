import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { ALL_MESSAGE_IDS } from '../../../stage0/systemd/journal-events';

const ROOT = path.resolve(__dirname, '../../../..');
const CATALOG = fs.readFileSync(`${ROOT}/units/files/podctl.catalog`, 'utf8');
const LOGS = fs.readFileSync(`${ROOT}/docs/logs.md`, 'utf8');

const sorted = (values: Iterable<string>): readonly string[] => [...values].sort();

describe('the catalog', () => {
  it('explains every event, and nothing else', () => {
    const explained = [...CATALOG.matchAll(/^-- (\S+)$/gm)].map(([, id]) => id ?? '');
    assert.deepEqual(sorted(explained), sorted(Object.values(ALL_MESSAGE_IDS)));
  });

  it('has for each a subject, an author and a text', () => {
    for (const entry of CATALOG.split(/^-- /m).slice(1)) {
      assert.match(entry, /^[0-9a-f]{32}\nSubject: .+\nDefined-By: podctl\nSupport: .+\n\n\S/);
      assert.ok(
        entry.split('\n').every((line) => line.length <= 130),
        entry,
      );
    }
  });

  it('says the same as the documents', () => {
    const rows = [...LOGS.matchAll(/^\| `([a-z-]+)` \| `([0-9a-f]{32})` \|/gm)].map(
      ([, event, id]) => `${event} ${id}`,
    );
    assert.deepEqual(
      rows,
      Object.entries(ALL_MESSAGE_IDS).map(([event, id]) => `${event} ${id}`),
    );
  });
});
