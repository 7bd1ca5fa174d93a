import assert from 'node:assert/strict';
import fs from 'node:fs';
import { buffer } from 'node:stream/consumers';
import tarFs from 'tar-fs';
import { aciManifest } from '../../fixtures/aci';
import { needsRoot, scratchDirectory } from '../../fixtures/scratch';
import { snapshotTree } from '../../fixtures/snapshot';
import { TestStore } from '../../fixtures/store';

describe('archives by tar-fs', () => {
  const scratch = scratchDirectory();
  before(function () {
    needsRoot(this);
  });

  it('A4 render to what was packed', async () => {
    const packed = `${scratch()}/packed`;
    fs.mkdirSync(`${packed}/rootfs/etc/deep/deeper`, { recursive: true });
    fs.writeFileSync(`${packed}/rootfs/etc/file`, 'x'.repeat(70_000), { mode: 0o640 });
    fs.writeFileSync(`${packed}/rootfs/etc/deep/deeper/${'long'.repeat(40)}`, '');
    fs.chownSync(`${packed}/rootfs/etc/file`, 1000, 70_000);
    fs.writeFileSync(`${packed}/manifest`, aciManifest({}));
    // tar-fs keeps whole seconds.
    for (const path of ['rootfs/etc/file', 'rootfs/etc/deep/deeper', 'rootfs/etc/deep', 'rootfs/etc', 'rootfs']) {
      fs.utimesSync(`${packed}/${path}`, 1_700_000_000, 1_700_000_000);
    }
    const tree = await new TestStore(scratch()).render(await buffer(tarFs.pack(packed)));
    // Of symbolic links and the file with the long name the time of making is what it is, with its nanoseconds.
    const isTimed = (path: string): boolean => /mtab|long/.test(path);
    assert.deepEqual(snapshotTree(tree, isTimed), snapshotTree(`${packed}/rootfs`, isTimed));
  });
});
