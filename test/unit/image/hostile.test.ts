/** Every hostile image through the code that fetches and renders: its code, bounded time and memory, and nothing left. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { fetchFile } from '../../../stage0/image/fetch/file';
import { ensureTree } from '../../../stage0/render/ensure-tree';
import { rejectsCode } from '../../fixtures/expect';
import type { Bytes } from '../../fixtures/hostile/case';
import { HOSTILE } from '../../fixtures/hostile/index';
import { needsRoot, scratchDirectory } from '../../fixtures/scratch';
import { TestStore } from '../../fixtures/store';

/** Of one case; the slowest reads a million entries before it meets the limit. */
const MAX_MILLISECONDS = 30_000;
const MAX_GROWTH_KIB = 600 * 1024;

describe('hostile images', () => {
  const scratch = scratchDirectory();
  before(function () {
    needsRoot(this);
  });

  it('have names of their own, and there are at least 60', () => {
    const names = HOSTILE.map(({ name }) => name);
    assert.deepEqual([...new Set(names)], names);
    assert.ok(names.length >= 60);
    assert.ok(names.every((name) => /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name)));
  });

  const write = (path: string, bytes: Bytes): void => {
    const fd = fs.openSync(path, 'w');
    try {
      for (const piece of Buffer.isBuffer(bytes) ? [bytes] : bytes) fs.writeSync(fd, piece);
    } finally {
      fs.closeSync(fd);
    }
  };
  const inside = (room: string): readonly string[] =>
    fs.existsSync(`${scratch()}/store/${room}`) ? fs.readdirSync(`${scratch()}/store/${room}`) : [];

  for (const { name, code, text, images } of HOSTILE) {
    it(name, async () => {
      const paths = images().map((bytes, i) => {
        const path = `${scratch()}/${i}.aci`;
        write(path, bytes);
        return path;
      });
      fs.mkdirSync(`${scratch()}/store`);
      const store = new TestStore(`${scratch()}/store` as ReturnType<typeof scratch>);
      let stored = 0;
      const run = async (): Promise<void> => {
        const last = paths.length - 1;
        for (const [i, path] of paths.entries()) {
          const image = await fetchFile({ path, signature: { kind: 'none' } }, store);
          stored += 1;
          if (i === last) await ensureTree(store, image.id);
        }
      };
      const [started, memory] = [performance.now(), process.resourceUsage().maxRSS];
      await rejectsCode(code, run(), text);
      assert.ok(performance.now() - started < MAX_MILLISECONDS, 'it takes too long');
      assert.ok(process.resourceUsage().maxRSS - memory < MAX_GROWTH_KIB, 'it takes too much memory');
      assert.equal(inside('images').length, stored, 'only images that were right are in the store');
      assert.deepEqual([inside('tmp'), inside('trees')], [[], []]);
      assert.deepEqual(fs.readdirSync(scratch()).sort(), [...paths.map((_, i) => `${i}.aci`), 'store'].sort());
    });
  }
}).timeout(60_000);
