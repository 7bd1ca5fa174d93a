import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Temporary } from '../../../stage0/store/temporary';
import { scratchDirectory } from '../../fixtures/scratch';
import { skip } from '../../runner/skip';

/** EXT4_SUPER_MAGIC of statfs(2). */
const EXT4 = 0xef53;

describe('temporary directories', () => {
  const scratch = scratchDirectory();
  const temporary = () => new Temporary(`${scratch()}/tmp`);

  it('do not replace what another process published first', () => {
    const [one, two] = [temporary().create(0o700), temporary().create(0o700)];
    for (const made of [one, two]) fs.writeFileSync(`${made.path}/file`, made.path);
    assert.equal(temporary().publish(one, `${scratch()}/place`), true);
    assert.equal(temporary().publish(two, `${scratch()}/place`), false);
    temporary().discard(two);
    assert.equal(fs.readFileSync(`${scratch()}/place/file`, 'utf8'), one.path);
    assert.deepEqual(fs.readdirSync(`${scratch()}/tmp`), []);
  });

  it('lie apart from each other on ext4, also in a store that did not have them so', function () {
    if (fs.statfsSync(scratch()).type !== EXT4) skip(this, 'the directory for temporary files is not on ext4');
    const isSpread = () => /^\S*T/.test(execFileSync('lsattr', ['-d', `${scratch()}/tmp`], { encoding: 'utf8' }));
    fs.mkdirSync(`${scratch()}/tmp`);
    temporary().discard(temporary().create(0o700));
    assert.equal(isSpread(), false);
    temporary().sweep();
    assert.equal(isSpread(), true);
    fs.rmdirSync(`${scratch()}/tmp`);
    temporary().discard(temporary().create(0o700));
    assert.equal(isSpread(), true);
  });

  it('are swept when nobody holds them, also half removed ones', () => {
    const held = temporary().create(0o700);
    fs.mkdirSync(`${scratch()}/tmp/left/deep/below`, { recursive: true });
    fs.writeFileSync(`${scratch()}/tmp/no-directory`, '');
    assert.equal(temporary().sweep(), 1);
    assert.deepEqual(fs.readdirSync(`${scratch()}/tmp`).sort(), [path.basename(held.path), 'no-directory'].sort());
    temporary().discard(held);
  });
}).timeout(30_000);
