import assert from 'node:assert/strict';
import fs from 'node:fs';
import { DurableBatch, mkdirDurable, renameDurable, writeFileDurable } from '../../../stage0/files/durable';
import { scratchDirectory } from '../../fixtures/scratch';

describe('durable writes', () => {
  const scratch = scratchDirectory();

  it('replace a file whole, with the mode asked for', () => {
    const file = `${scratch()}/file`;
    const umask = process.umask(0o077);
    try {
      writeFileDurable(file, 'one', 0o664);
      writeFileDurable(file, 'two', 0o640);
    } finally {
      process.umask(umask);
    }
    assert.equal(fs.readFileSync(file, 'utf8'), 'two');
    assert.equal(fs.statSync(file).mode & 0o777, 0o640);
    assert.deepEqual(fs.readdirSync(scratch()), ['file']);
  });

  it('leave nothing when they fail', () => {
    fs.mkdirSync(`${scratch()}/directory`);
    assert.throws(() => writeFileDurable(`${scratch()}/directory`, 'x', 0o600), /EISDIR/);
    assert.deepEqual(fs.readdirSync(scratch()), ['directory']);
  });

  it('sync a directory of a batch once', () => {
    const batch = new DurableBatch();
    mkdirDurable(`${scratch()}/a/b`, 0o700);
    writeFileDurable(`${scratch()}/a/one`, 'x', 0o600, { batch });
    writeFileDurable(`${scratch()}/a/two`, 'x', 0o600, { batch });
    renameDurable(`${scratch()}/a/one`, `${scratch()}/a/b/one`, { batch });
    batch.flush();
    assert.ok(fs.existsSync(`${scratch()}/a/b/one`));
  });
}).timeout(30_000);
