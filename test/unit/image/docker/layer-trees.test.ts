import assert from 'node:assert/strict';
import { gunzipAddon } from '../../../../stage1/native/index';
import { DockerStore } from '../../../fixtures/docker-store';
import { layer, layoutOf } from '../../../fixtures/oci';
import { needsRoot, scratchDirectory } from '../../../fixtures/scratch';

describe('trees of layers that are made durable', () => {
  const scratch = scratchDirectory();
  let store: DockerStore;
  before(function () {
    needsRoot(this);
  });
  beforeEach(() => {
    store = new DockerStore(scratch());
  });

  for (const [size, bytes] of [
    ['large', 17 * 1024 ** 2],
    ['small', 1000],
  ] as const) {
    it(`a ${size} one that the disk did not take is made again`, async () => {
      const addon = gunzipAddon();
      const { syncfs } = addon;
      // The kernel tells of an error once.
      let isTold = false;
      Object.assign(addon, {
        syncfs: (fd: number) => {
          const isFirst = !isTold;
          isTold = true;
          return isFirst ? Promise.resolve(false) : syncfs(fd);
        },
      });
      try {
        const image = layoutOf({ layers: [layer([{ name: 'file', content: Buffer.alloc(bytes, 'x') }])] });
        const stored = await store.fetch('oci', image.write(`${scratch()}/layout`), { render: true });
        assert.ok(isTold);
        assert.deepEqual(store.trees.list(), []);
        assert.equal((await store.treesOf(stored)).length, 2, "the layer's and the image's own");
      } finally {
        Object.assign(addon, { syncfs });
      }
    });
  }
});
