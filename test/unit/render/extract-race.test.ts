/** Whole archives laid into a tree while another process swaps its directories for links to a place outside. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { errnoOf } from '#kernel/errors';
import { ConfinedTree } from '../../../stage0/render/confined';
import { Directories } from '../../../stage0/render/directories';
import { Extractor, finishDirectories } from '../../../stage0/render/extract';
import { TarReader } from '../../../stage0/render/tar';
import type { TarEntry, TarSink } from '../../../stage0/render/tar-entry';
import { native } from '../../../stage1/native/index';
import { needsRoot, scratchDirectory } from '../../fixtures/scratch';
import { buildTar, type TarItem } from '../../fixtures/tar-writer';

/** Swaps `d`, `d/e` and links to the directory outside, as fast as it can. */
const SWAPPER = `
  const fs = require('node:fs');
  process.chdir(process.argv[1]);
  fs.writeSync(1, 'ready');
  for (let round = 0; ; round += 1) {
    const place = round % 2 ? 'root/d' : 'root/d/e';
    try {
      fs.renameSync(place, 'real');
      fs.symlinkSync(process.argv[1] + '/outside', place);
      fs.renameSync(place, 'link');
      fs.unlinkSync('link');
      fs.renameSync('real', place);
    } catch {
      // What is in its way is in the other's, too: it goes on with whatever can be mended.
      try {
        fs.rmSync('real', { recursive: true, force: true });
        for (const directory of ['root/d', 'root/d/e']) {
          const there = fs.lstatSync(directory, { throwIfNoEntry: false });
          if (there?.isDirectory()) continue;
          fs.rmSync(directory, { force: true });
          fs.mkdirSync(directory);
        }
      } catch {}
    }
  }`;
const ENTRIES = 4000;
/** What an entry meets that is in the way of the swapper; nothing else may happen to it. */
const RACE = /^(ENOENT|EEXIST|ENOTDIR|ELOOP|ENOTEMPTY|EXDEV|EISDIR|EAGAIN)$/;

/** One entry of each kind, each with all that can be set on it, in both directories. */
function item(index: number): TarItem {
  const name = `rootfs/${index % 3 === 0 ? 'd' : 'd/e'}/n${index % 50}`;
  const all = { mode: 0o4755, uid: 1234, gid: 5678, mtime: 1, pax: { 'SCHILY.xattr.user.podctl': 'x' } };
  const kinds: readonly TarItem[] = [
    { name, content: 'x', ...all },
    { name, content: Buffer.alloc(200_000, 'x'), ...all },
    { name: `${name}/`, ...all },
    { name, type: '2', linkName: '/etc/passwd', uid: 1234 },
    { name, type: '6', mode: 0o666 },
    { name, type: '3', major: 1, minor: 3, mode: 0o666 },
    { name: 'rootfs/d/e/', ...all },
    { name, type: '1', linkName: 'rootfs/d/n0' },
  ];
  return kinds[index % kinds.length] as TarItem;
}

/** Goes on with the next entry when one was in the way of the swapper. */
class Persistent implements TarSink {
  raced = 0;
  done = 0;
  readonly #extractor: Extractor;
  readonly #tree: ConfinedTree;

  constructor(extractor: Extractor, tree: ConfinedTree) {
    this.#extractor = extractor;
    this.#tree = tree;
  }

  entry(entry: TarEntry): void {
    this.#tree.close(); // so that every path is resolved anew
    this.attempt(() => {
      this.#extractor.entry(entry);
      this.done += 1;
    });
  }

  data(chunk: Buffer): void {
    this.attempt(() => this.#extractor.data(chunk));
  }

  hole(size: number): void {
    this.attempt(() => this.#extractor.hole(size));
  }

  fileEnd(): void {
    this.attempt(() => this.#extractor.fileEnd());
  }

  attempt(act: () => void): void {
    try {
      act();
    } catch (error) {
      // A hard link whose target was swapped away says so in its own words.
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code !== 'image-hardlink-escape') assert.match(errnoOf(error) ?? String(error), RACE);
      this.#extractor.abandon();
      this.raced += 1;
    }
  }
}

describe('extraction', () => {
  const scratch = scratchDirectory();
  before(function () {
    needsRoot(this);
  });

  it('writes, links, and changes nothing outside while another process swaps directories for links', async () => {
    for (const name of ['root/d/e', 'outside']) fs.mkdirSync(`${scratch()}/${name}`, { recursive: true });
    const before = fs.statSync(`${scratch()}/outside`, { bigint: true });
    const swapper = spawn(process.execPath, ['-e', SWAPPER, scratch()], { stdio: ['ignore', 'pipe', 'ignore'] });
    await once(swapper.stdout, 'data');
    const rootFd = fs.openSync(`${scratch()}/root`, fs.constants.O_RDONLY);
    const directories = new Directories();
    const tree = new ConfinedTree(native(), rootFd, directories);
    const target = { addon: native(), tree, directories, setOwners: true };
    const sink = new Persistent(new Extractor(target, undefined), tree);
    try {
      const reader = new TarReader(sink);
      for (let from = 0; from < ENTRIES; from += 100) {
        const items = Array.from({ length: 100 }, (_, index) => item(from + index));
        reader.write(buildTar(items, Buffer.alloc(0)));
        sink.attempt(() => finishDirectories(target));
      }
    } finally {
      swapper.kill('SIGKILL');
      await once(swapper, 'exit');
      tree.close();
      fs.closeSync(rootFd);
    }
    assert.ok(sink.done > ENTRIES / 4, `${sink.done} entries were made`);
    assert.ok(sink.raced > 5, `${sink.raced} met the swapper`);
    assert.deepEqual(fs.readdirSync(`${scratch()}/outside`), []);
    const after = fs.statSync(`${scratch()}/outside`, { bigint: true });
    // Its owner, mode, times, attributes and links: whatever changes one of them changes the ctime.
    assert.equal(after.ctimeNs, before.ctimeNs);
  });
}).timeout(120_000);
