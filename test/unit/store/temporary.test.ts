import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { Temporary } from '../../../stage0/store/temporary';
import { scratchDirectory } from '../../fixtures/scratch';

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

  it('are swept when nobody holds them, also half removed ones', () => {
    const held = temporary().create(0o700);
    fs.mkdirSync(`${scratch()}/tmp/left/deep/below`, { recursive: true });
    fs.writeFileSync(`${scratch()}/tmp/no-directory`, '');
    assert.equal(temporary().sweep(), 1);
    assert.deepEqual(fs.readdirSync(`${scratch()}/tmp`).sort(), [path.basename(held.path), 'no-directory'].sort());
    temporary().discard(held);
  });
}).timeout(30_000);
