import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { errnoOf } from '#kernel/errors';
import type { ByteString } from '../../../stage0/render/byte-string';
import { ConfinedTree } from '../../../stage0/render/confined';
import { native } from '../../../stage1/native/index';
import { scratchDirectory } from '../../fixtures/scratch';

/** Swaps `d` and a symbolic link to the directory outside, as fast as it can. */
const SWAPPER = `
  const fs = require('node:fs');
  process.chdir(process.argv[1]);
  process.stdout.write('ready');
  for (;;) {
    try {
      fs.renameSync('root/d', 'real');
      fs.symlinkSync('../outside', 'root/d');
      fs.renameSync('root/d', 'link');
      fs.unlinkSync('link');
      fs.renameSync('real', 'root/d');
    } catch {
      fs.rmSync('real', { recursive: true, force: true });
      fs.mkdirSync('root/d', { recursive: true });
    }
  }`;
const TRIES = 20_000;

describe('a confined tree', () => {
  const scratch = scratchDirectory();
  const nothing = { made: () => undefined, removed: () => undefined };

  it('is not left while another process swaps a directory for a link', async () => {
    for (const name of ['root/d', 'outside']) fs.mkdirSync(`${scratch()}/${name}`, { recursive: true });
    const swapper = spawn(process.execPath, ['-e', SWAPPER, scratch()], { stdio: ['ignore', 'pipe', 'ignore'] });
    await once(swapper.stdout, 'data');
    const rootFd = fs.openSync(`${scratch()}/root`, fs.constants.O_RDONLY);
    const tree = new ConfinedTree(native(), rootFd, nothing);
    let written = 0;
    try {
      for (let i = 0; i < TRIES; i += 1) {
        tree.close(); // so that every path is resolved anew
        written += attempt(tree, `d/file${i}` as ByteString);
      }
    } finally {
      swapper.kill('SIGKILL');
      await once(swapper, 'exit');
      tree.close();
      fs.closeSync(rootFd);
    }
    assert.ok(written > 0);
    assert.deepEqual(fs.readdirSync(`${scratch()}/outside`), []);
  });

  function attempt(tree: ConfinedTree, path: ByteString): number {
    try {
      const place = tree.place(path);
      native().putFile(place.dirFd, place.name, Buffer.alloc(0), -1, -1, 0o600, 0, 0);
      return 1;
    } catch (error) {
      assert.match(errnoOf(error) ?? String(error), /^(ENOENT|EEXIST|EISDIR|ENOTDIR|ELOOP|ENOTEMPTY|EXDEV)$/);
      return 0;
    }
  }

  it('makes what is missing, and tells', () => {
    const made: string[] = [];
    const rootFd = fs.openSync(scratch(), fs.constants.O_RDONLY);
    const tree = new ConfinedTree(native(), rootFd, { ...nothing, made: (path) => void made.push(path) });
    tree.directory('a/b/c' as ByteString);
    tree.directory('a/b' as ByteString);
    assert.deepEqual(made, ['a', 'a/b', 'a/b/c']);
    tree.close();
    fs.closeSync(rootFd);
  });
}).timeout(120_000);
