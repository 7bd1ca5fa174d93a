import assert from 'node:assert/strict';
import fs from 'node:fs';
import { ensureTree } from '../../../stage0/render/ensure-tree';
import { buildAci } from '../../fixtures/aci';
import { rejectsCode } from '../../fixtures/expect';
import { needsRoot, scratchDirectory } from '../../fixtures/scratch';
import { snapshotTree } from '../../fixtures/snapshot';
import { TestStore } from '../../fixtures/store';
import type { TarItem } from '../../fixtures/tar-writer';

const file = (name: string, content = name, more: Partial<TarItem> = {}): TarItem => ({
  name: `rootfs/${name}`,
  content,
  ...more,
});
const link = (name: string, linkName: string): TarItem => ({ name: `rootfs/${name}`, type: '2', linkName });
const hard = (name: string, target: string): TarItem => ({
  name: `rootfs/${name}`,
  type: '1',
  linkName: `rootfs/${target}`,
});

describe('rendering images over each other', () => {
  const scratch = scratchDirectory();
  const names = (root: string): readonly string[] => snapshotTree(root).map((line) => line.split(' | ')[0] ?? '');
  const read = (path: string): string => fs.readFileSync(path, 'utf8');
  const images = (...acis: Parameters<typeof buildAci>[0][]): Promise<string> =>
    acis.reduce(async (before: Promise<string>, options) => {
      await before;
      return new TestStore(scratch()).render(buildAci(options));
    }, Promise.resolve(''));
  const needs = (...all: string[]) => ({ dependencies: all.map((imageName) => ({ imageName })) });

  before(function () {
    needsRoot(this);
  });

  it('C2 dependencies come first, in their order, depth first', async () => {
    const tree = await images(
      { name: 'd', files: [file('x', 'd'), file('only-d')] },
      { name: 'c', manifest: needs('d'), files: [file('x', 'c'), file('only-c')] },
      { name: 'b', files: [file('x', 'b'), file('y', 'b')] },
      { name: 'a', manifest: needs('b', 'c'), files: [file('z', 'a')] },
    );
    assert.deepEqual(names(tree), ['', '/only-c', '/only-d', '/x', '/y', '/z']);
    assert.equal(read(`${tree}/x`), 'c');
  });

  it('C3 a shared dependency is rendered again on every path', async () => {
    const tree = await images(
      { name: 'd', files: [file('x', 'd'), file('y', 'd')] },
      { name: 'b', manifest: needs('d'), files: [file('x', 'b')] },
      { name: 'c', manifest: needs('d'), files: [file('y', 'c')] },
      { name: 'a', manifest: needs('b', 'c') },
    );
    assert.deepEqual([read(`${tree}/x`), read(`${tree}/y`)], ['d', 'c']); // D B D C A
  });

  it('C4 a whitelist filters the image and all below it, directories stand for themselves', async () => {
    const tree = await images(
      {
        name: 'd',
        manifest: { pathWhitelist: ['/etc/one', '/etc/two', '/opt'] },
        files: [file('etc/one'), file('etc/two'), file('etc/three'), file('opt/x')],
      },
      {
        name: 'a',
        manifest: { ...needs('d'), pathWhitelist: ['/etc/two', '/etc/three', '/opt', '/own'] },
        files: [file('own'), file('other'), { name: 'rootfs/empty/' }],
      },
    );
    assert.deepEqual(names(tree), ['', '/etc', '/etc/two', '/own']);
  });

  it('C4 directories that lead to a whitelisted path keep their own owner and mode', async () => {
    const tree = await images({
      manifest: { pathWhitelist: ['/etc/deep/file'] },
      files: [
        { name: 'rootfs/etc/', uid: 5, mode: 0o700 },
        { name: 'rootfs/etc/deep/', gid: 6 },
        { name: 'rootfs/etc/other/' },
        file('etc/deep/file'),
      ],
    });
    assert.deepEqual(
      snapshotTree(tree)
        .slice(1, 4)
        .map((line) => line.split(' | ').slice(0, 3).join(' ')),
      ['/etc 40700 5:0', '/etc/deep 40755 0:6', '/etc/deep/file 100644 0:0'],
    );
  });

  it('C4 a whitelisted hard link has its content also if its target is not whitelisted', async () => {
    const tree = await images(
      { name: 'lower', files: [file('target', 'of another image')] },
      {
        manifest: { ...needs('lower'), pathWhitelist: ['/link2', '/link3'] },
        files: [file('target', 'content'), hard('link1', 'target'), hard('link2', 'target'), hard('link3', 'link1')],
      },
    );
    assert.equal(read(`${tree}/link2`), 'content');
    assert.equal(fs.statSync(`${tree}/link2`).ino, fs.statSync(`${tree}/link3`).ino);
    assert.deepEqual(names(tree), ['', '/link2', '/link3']);
  });

  for (const own of [true, false]) {
    it(`C6 a symlink to a directory of a lower image is replaced, never followed (${own ? 'with' : 'without'} an own directory entry)`, async () => {
      const outside = `${scratch()}/outside`;
      fs.mkdirSync(outside);
      const tree = await images(
        { name: 'lower', files: [link('lib', outside), link('inside', 'real'), { name: 'rootfs/real/' }] },
        {
          manifest: needs('lower'),
          files: [
            ...(own ? [{ name: 'rootfs/lib/' }, { name: 'rootfs/inside/' }] : []),
            file('lib/passwd'),
            file('inside/x'),
          ],
        },
      );
      assert.deepEqual(fs.readdirSync(outside), []);
      assert.ok(fs.lstatSync(`${tree}/lib`).isDirectory());
      assert.deepEqual(names(tree), ['', '/inside', '/inside/x', '/lib', '/lib/passwd', '/real']);
    });
  }

  it('C5 later images replace files, links, directories by each other', async () => {
    const tree = await images(
      {
        name: 'lower',
        files: [
          file('dir/sub/x'),
          file('file'),
          link('link', 'file'),
          file('linked'),
          hard('hard', 'linked'),
          { name: 'rootfs/kept/', mode: 0o700 },
          file('kept/x'),
        ],
      },
      {
        manifest: needs('lower'),
        files: [
          file('dir', 'now a file'),
          file('file/below'),
          { name: 'rootfs/link/' },
          link('linked', 'elsewhere'),
          { name: 'rootfs/kept/', mode: 0o711 },
        ],
      },
    );
    assert.deepEqual(names(tree), [
      '',
      '/dir',
      '/file',
      '/file/below',
      '/hard',
      '/kept',
      '/kept/x',
      '/link',
      '/linked',
    ]);
    assert.equal(read(`${tree}/dir`), 'now a file');
    assert.equal(read(`${tree}/hard`), 'linked');
    assert.equal(fs.statSync(`${tree}/kept`).mode & 0o777, 0o711);
    assert.equal(fs.readlinkSync(`${tree}/linked`), 'elsewhere');
  });

  it('C5 writing over one name of a hard link leaves the other', async () => {
    const tree = await images(
      { name: 'lower', files: [file('a', 'old'), hard('b', 'a')] },
      { manifest: needs('lower'), files: [file('a', 'new')] },
    );
    assert.deepEqual([read(`${tree}/a`), read(`${tree}/b`)], ['new', 'old']);
  });

  it('B19 names the dependency that is missing', async () => {
    const store = new TestStore(scratch());
    const image = await store.add(buildAci({ manifest: needs('example.com/base') }));
    await rejectsCode('image-dependency-missing', ensureTree(store, image.id), /example\.com\/base/);
    assert.deepEqual(fs.readdirSync(`${scratch()}/tmp`), []);
  });

  it('C9 refuses a cycle', async () => {
    const store = new TestStore(scratch());
    await store.add(buildAci({ name: 'b', manifest: needs('a') }));
    const image = await store.add(buildAci({ name: 'a', manifest: needs('b') }));
    await rejectsCode('image-dependency-invalid', ensureTree(store, image.id), /depends on itself/);
  });

  it('C9 refuses chains of diamonds', async () => {
    const store = new TestStore(scratch());
    await store.add(buildAci({ name: 'n0' }));
    for (let i = 1; i < 12; i += 1)
      await store.add(buildAci({ name: `n${i}`, manifest: needs(`n${i - 1}`, `n${i - 1}`) }));
    await rejectsCode(
      'image-dependency-invalid',
      ensureTree(store, store.images.find({ kind: 'name', name: 'n11', labels: [] }).id),
      /1024/,
    );
  });
}).timeout(30_000);
