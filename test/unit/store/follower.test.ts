import assert from 'node:assert/strict';
import fs from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import type { AbsPath } from '#kernel/brand';
import { ensureTree } from '../../../stage0/render/ensure-tree';
import type { NewImage } from '../../../stage0/store/cas';
import { aciManifest, buildAci, imageIdOf } from '../../fixtures/aci';
import { needsRoot, scratchDirectory } from '../../fixtures/scratch';
import { snapshotTree } from '../../fixtures/snapshot';
import { TestStore } from '../../fixtures/store';
import type { TarItem } from '../../fixtures/tar-writer';

const MIB = 1024 * 1024;

const entry = (name: string, more: Partial<TarItem> = {}): TarItem => ({ name: `rootfs/${name}`, ...more });

/** Every kind of entry; the big file comes in several pieces. */
const FILES: readonly TarItem[] = [
  { name: 'rootfs/' },
  entry('bin/', { mode: 0o751, mtime: 1234 }),
  entry('bin/big', { content: Buffer.alloc(3 * MIB, 'big'), mode: 0o4755, uid: 7, gid: 8 }),
  entry('bin/small', { content: 'small', mtime: 99 }),
  entry('bin/link', { type: '2', linkName: 'small' }),
  entry('bin/same', { type: '1', linkName: 'rootfs/bin/small' }),
  entry('implicit/file', { content: 'x' }),
  entry('etc/.wh.gone', { content: '' }),
  entry('opaque/.wh..wh..opq', { content: '' }),
];

/** What this process has open there. */
const openBelow = (directory: string): readonly string[] =>
  fs
    .readdirSync('/proc/self/fd')
    .flatMap((fd) => {
      try {
        return [fs.readlinkSync(`/proc/self/fd/${fd}`)];
      } catch {
        return []; // ignored: the descriptor with which the directory is read
      }
    })
    .filter((path) => path.startsWith(directory));

describe('an image that other threads follow while it is written', () => {
  const scratch = scratchDirectory();
  let store: TestStore;
  let root: string;
  let rootFd: number;

  before(function () {
    needsRoot(this);
  });
  beforeEach(() => {
    store = new TestStore(scratch() as AbsPath);
    root = `${scratch()}/root`;
    fs.mkdirSync(root);
    rootFd = fs.openSync(root, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  });
  afterEach(() => fs.closeSync(rootFd));

  function write(image: NewImage, aci: Buffer): void {
    for (let at = 0; at < aci.length; at += 100_000) image.write(aci.subarray(at, at + 100_000));
  }
  const facts = { name: 'example.com/test', labels: [], source: 'test', verification: undefined };

  it('is rendered as it is later, from the store', async () => {
    const aci = buildAci({ files: FILES });
    const image = store.images.begin({ rootFd });
    write(image, aci);
    const rendered = await image.settled();
    const { id } = image.commit(Buffer.from(aciManifest({})), facts);
    assert.equal(id, imageIdOf(aci));
    assert.deepEqual(rendered, { bytes: 3 * MIB + 6, entries: FILES.length - 2, synced: false });
    const hidden = [fs.statSync(`${root}/etc/gone`).rdev, fs.lstatSync(`${root}/etc/gone`).isCharacterDevice()];
    assert.deepEqual(hidden, [0, true]);
    fs.unlinkSync(`${root}/etc/gone`);
    const shown = (tree: string): readonly string[] => snapshotTree(tree, (path) => path.startsWith('/etc'));
    const visible = buildAci({ files: FILES.filter(({ name }) => !String(name).includes('.wh.')) });
    const expected = await ensureTree(store, (await store.add(visible)).id);
    assert.deepEqual(
      shown(root).filter((line) => !line.startsWith('/opaque')),
      shown(expected),
    );
  });

  it('is not rendered if it cannot be, and stored all the same: who wants the tree is told why', async () => {
    const missing = entry('link', { type: '1', linkName: 'rootfs/nothing' });
    const aci = buildAci({ files: [...FILES, missing] });
    const image = store.images.begin({ rootFd });
    write(image, aci);
    assert.equal(await image.settled(), undefined);
    assert.equal(image.commit(Buffer.from(aciManifest({})), facts).id, imageIdOf(aci));
  });

  it('long runs of zeros are holes in the tree, whatever they were in the layer', async () => {
    const content = Buffer.concat([
      Buffer.from('head'),
      Buffer.alloc(4 * MIB),
      Buffer.from('tail'),
      Buffer.alloc(2 * MIB),
    ]);
    const aci = buildAci({ files: [{ name: 'rootfs/' }, entry('disk', { content })] });
    const image = store.images.begin({ rootFd });
    write(image, aci);
    assert.deepEqual(await image.settled(), { bytes: content.length, entries: 2, synced: false });
    image.abandon();
    const { size, blocks } = fs.statSync(`${root}/disk`);
    assert.equal(size, content.length);
    assert.ok(blocks * 512 < 2 * MIB, `${blocks} blocks are on the disk`);
    assert.ok(fs.readFileSync(`${root}/disk`).equals(content));
  });

  it('one after another, by the same thread', async () => {
    for (const count of [1, 2, 3]) {
      const place = `${scratch()}/${count}`;
      fs.mkdirSync(place);
      const fd = fs.openSync(place, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
      const image = store.images.begin({ rootFd: fd });
      const aci = buildAci({ files: [...FILES, entry(`extra-${count}`, { content: 'x' })] });
      write(image, aci);
      assert.notEqual(await image.settled(), undefined);
      assert.equal(image.commit(Buffer.from(aciManifest({})), facts).id, imageIdOf(aci));
      assert.ok(fs.existsSync(`${place}/extra-${count}`));
      fs.closeSync(fd);
    }
  });

  it('abandoned, nothing is written to its tree any more', async () => {
    const many = Array.from({ length: 3000 }, (_, index) => entry(`many/${index}`, { content: `${index}` }));
    const aci = buildAci({ files: [{ name: 'rootfs/' }, ...many] });
    const image = store.images.begin({ rootFd });
    write(image, aci.subarray(0, aci.length - 1024));
    while (!fs.existsSync(`${root}/many/1`)) await setImmediate();
    image.abandon();
    // It closes all it has when it stops.
    assert.deepEqual(openBelow(scratch()), [root]);
    assert.deepEqual(fs.readdirSync(`${scratch()}/tmp`), []);
  });
});
