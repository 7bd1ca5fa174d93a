import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { removeTree as removeTreeWith } from '../../../stage0/files/remove-tree';
import { native } from '../../../stage1/native/index';
import { WAYS } from '../../fixtures/remove-tree';
import { needsRoot, scratchDirectory } from '../../fixtures/scratch';

for (const [way, addon] of Object.entries(WAYS))
  describe(`removing a tree ${way}`, () => {
    const scratch = scratchDirectory();
    const removeTree = (directory: string) => removeTreeWith(directory, addon());

    it('does nothing if there is none', () => {
      removeTree(`${scratch()}/none`);
      removeTree(`${scratch()}/none/below`);
    });

    it('removes names that are not UTF-8, links without following them, and files of every kind', () => {
      const root = `${scratch()}/tree`;
      fs.mkdirSync(`${root}/a/b`, { recursive: true });
      fs.writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0xfe])]), 'x');
      fs.mkdirSync(Buffer.concat([Buffer.from(`${root}/a/`), Buffer.from([0xff])]));
      fs.mkdirSync(`${scratch()}/outside`);
      fs.writeFileSync(`${scratch()}/outside/kept`, 'x');
      fs.symlinkSync('../outside', `${root}/link`);
      execFileSync('mkfifo', [`${root}/fifo`]);
      removeTree(root);
      assert.deepEqual(fs.readdirSync(scratch()), ['outside']);
      assert.deepEqual(fs.readdirSync(`${scratch()}/outside`), ['kept']);
    });

    it('removes a link that stands where the tree was expected, not what it points to', () => {
      fs.mkdirSync(`${scratch()}/outside/kept`, { recursive: true });
      fs.symlinkSync('outside', `${scratch()}/tree`);
      removeTree(`${scratch()}/tree`);
      assert.deepEqual(fs.readdirSync(scratch()), ['outside']);
    });

    it('removes chains deeper than PATH_MAX and than there are descriptors', () => {
      const flags = fs.constants.O_RDONLY | fs.constants.O_DIRECTORY;
      fs.mkdirSync(`${scratch()}/tree`);
      let fd = fs.openSync(`${scratch()}/tree`, flags);
      for (let depth = 0; depth < 3000; depth += 1) {
        native().mkdirat(fd, 'directory', 0o700);
        const next = native().openat2(fd, 'directory', flags, 0, 0);
        fs.closeSync(fd);
        fd = next;
      }
      native().putFile(fd, 'file', Buffer.alloc(0), -1, -1, 0o600, 0, 0);
      fs.closeSync(fd);
      removeTree(`${scratch()}/tree`);
      assert.deepEqual(fs.readdirSync(scratch()), []);
    });

    it('never enters a mount: what is in it stays', function () {
      needsRoot(this);
      fs.mkdirSync(`${scratch()}/tree/mounted`, { recursive: true });
      // A mount namespace of its own: nobody else sees the mount.
      const script = `mount -t tmpfs none "$1/mounted" && touch "$1/mounted/kept" && "$2" "$3" "$1" "$4"; ls "$1/mounted"`;
      const program = require.resolve('../../fixtures/remove-tree');
      const argv = ['--mount', 'sh', '-c', script, 'sh', `${scratch()}/tree`, process.execPath, program, way];
      const said = execFileSync('unshare', argv, { encoding: 'utf8' });
      assert.match(said, /^E(?:XDEV|BUSY)\nkept\n$/);
    });

    it('removes directories with more entries than are read at once', () => {
      fs.mkdirSync(`${scratch()}/tree/a`, { recursive: true });
      for (let n = 0; n < 1000; n += 1) fs.writeFileSync(`${scratch()}/tree/a/a-name-that-is-not-short-${n}`, '');
      removeTree(`${scratch()}/tree`);
      assert.deepEqual(fs.readdirSync(scratch()), []);
    });
  }).timeout(30_000);
