import assert from 'node:assert/strict';
import fs from 'node:fs';
import type { ImageId } from '#kernel/brand';
import { type FileStamp, SourceCache } from '../../../stage0/store/source-cache';
import { scratchDirectory } from '../../fixtures/scratch';

const ID = `sha512-${'0'.repeat(128)}` as ImageId;
const NOW = 1_700_000_000_000;
const stamp = (ageMs: number, more: Partial<FileStamp> = {}): FileStamp => ({
  dev: '1',
  ino: '2',
  size: '3',
  mtimeNs: '4',
  ctimeNs: `${BigInt(NOW - ageMs) * 1_000_000n + 1n}`,
  ...more,
});

describe('the source cache', () => {
  const scratch = scratchDirectory();
  const cache = () => new SourceCache(scratch());
  const remember = (image: FileStamp) => cache().remember({ image, id: ID, signed: undefined }, NOW);

  it('knows an unchanged file, and no changed one', () => {
    remember(stamp(1000));
    assert.equal(cache().lookup(stamp(1000))?.id, ID);
    for (const change of [{ size: '4' }, { mtimeNs: '5' }, { ctimeNs: '5' }, { ino: '5' }, { dev: '5' }]) {
      assert.equal(cache().lookup(stamp(1000, change)), undefined, JSON.stringify(change));
    }
  });

  it('does not believe a ctime of this instant or of the future, nor one of whole seconds before two have passed', () => {
    for (const image of [stamp(10), stamp(-5000), stamp(0, { ctimeNs: `${BigInt(NOW - 1000) * 1_000_000n}` })]) {
      remember(image);
      assert.equal(cache().lookup(image), undefined);
    }
    const old = stamp(0, { ctimeNs: `${BigInt(NOW - 3000) * 1_000_000n}` });
    remember(old);
    assert.equal(cache().lookup(old)?.id, ID);
  });

  it('takes an entry that cannot be read for none', () => {
    remember(stamp(1000));
    for (const text of ['', '{', 'null', '[]', '{"id":7}', '{"id":"sha512-00"}', `{"id":"${ID}"}`]) {
      fs.writeFileSync(`${scratch()}/sources/1-2.json`, text);
      assert.equal(cache().lookup(stamp(1000)), undefined, text);
    }
  });
});
