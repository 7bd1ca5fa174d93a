/** The addon makes of a layer exactly what the code in TypeScript makes, or gives up; and it gives up seldom. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { QuickLayer } from '../../../../stage0/image/docker/quick-layer';
import { LayerTree } from '../../../../stage0/render/layer-tree';
import { LAYERS } from '../../../fixtures/docker-hostile/layers';
import { layers } from '../../../fixtures/fuzz/docker-targets';
import { mutated } from '../../../fixtures/fuzz/mutate';
import { withChecksums } from '../../../fixtures/fuzz/tar-checksums';
import { ARCHIVES } from '../../../fixtures/hostile/archives';
import { PATHS } from '../../../fixtures/hostile/paths';
import { SPARSE_FILES } from '../../../fixtures/hostile/sparse';
import { quickly, thoroughly } from '../../../fixtures/layer-ways';
import { needsRoot, scratchDirectory } from '../../../fixtures/scratch';
import { TestStore } from '../../../fixtures/store';
import { buildTar, type TarItem, tarEntry } from '../../../fixtures/tar-writer';

const MIB = 1024 * 1024;

/** What layers have every day. */
const USUAL: Readonly<Record<string, readonly TarItem[]>> = {
  nothing: [],
  'files, directories and links': [
    { name: './', mode: 0o700 },
    { name: './bin/', mode: 0o751, mtime: 1234 },
    { name: 'bin/big', content: Buffer.alloc(3 * MIB + 7, 'big'), mode: 0o6755, uid: 7, gid: 8 },
    { name: '/bin/small', content: 'small', mtime: 99 },
    { name: 'bin//./empty', content: '' },
    { name: 'bin/block', content: 'x'.repeat(512) },
    { name: 'bin/link', type: '2', linkName: '../../small', uid: 3 },
    { name: 'bin/same', type: '1', linkName: '/bin/small' },
    { name: 'bin/same-link', type: '1', linkName: 'bin/link' },
    { name: 'old-style-directory/', type: '0' },
    { name: 'contiguous', type: '7', content: 'x' },
    { name: 'nul', type: '\0', content: 'x' },
  ],
  'directories that come late, twice or never': [
    { name: 'a/b/c', content: 'x' },
    { name: 'a/', mode: 0o500 },
    { name: 'a/', mode: 0o510, uid: 9 },
    { name: 'd/e/f/g/', mode: 0o1777 },
  ],
  'whiteouts of every kind': [
    { name: '.wh.gone' },
    { name: 'd/.wh.gone', type: '2', linkName: 'x' },
    { name: 'd/.wh.gone' },
    { name: 'd/' },
    { name: 'o/.wh..wh..opq', mode: 0o600, uid: 5 },
    { name: 'o/.wh.there' },
    { name: 'o/there', content: 'x' },
    { name: '.wh.d', pax: { 'SCHILY.xattr.user.a': 'b' } },
    { name: '.wh..wh.plnk' },
    { name: '.wh.file', type: '1', linkName: 'q' },
    { name: 'file', content: '1' },
  ],
  'all is opaque': [{ name: '.wh..wh..opq' }, { name: '.wh.x' }],
  'long names, large numbers and attributes': [
    { name: `${'l'.repeat(150)}/`, pax: { comment: 'x', 'LIBARCHIVE.creationtime': '1' } },
    { name: `${'l'.repeat(150)}/${'m'.repeat(200)}`, content: 'x', pax: { mtime: '1700000000.123456789' } },
    { name: 'tail', content: 'x', pax: { mtime: '17.5', uid: '4000000000', gid: '2097152', atime: '1' } },
    { name: 'x', content: 'abc', claimedSize: 0, pax: { size: '3', path: `p/${'n'.repeat(120)}` } },
    {
      name: 'cap',
      content: 'x',
      pax: { 'SCHILY.xattr.user.b': 'v\0w', 'SCHILY.xattr.user.a': '', 'SCHILY.xattr.security.selinux': 's' },
    },
    { name: 'dir/', pax: { 'SCHILY.xattr.user.c': 'x'.repeat(300), 'SCHILY.xattr.trusted.x': 'y' } },
    { name: 'link', type: '2', linkName: 't'.repeat(300) },
    { name: 'paxlink', type: '2', linkName: 'short', pax: { linkpath: 'u'.repeat(140) } },
    { name: 'split', content: 'x', tamper: (header) => header.write('in/two', 345) },
    { name: 'gnu', content: 'x', tamper: (header) => header.write('ustar  \0not a prefix', 257) },
    { name: Buffer.from([0x66, 0xff, 0xfe, 0x20, 0x0a]), content: 'not UTF-8' },
  ],
  'links into layers below': [
    { name: 'd/', mode: 0o700 },
    { name: 'd/l', type: '1', linkName: 'below/f' },
    { name: 'f', content: 'x' },
  ],
  'more directories than are told': Array.from({ length: 300 }, (_, index) => [
    { name: `implied-${index}/f`, content: `${index}` },
    { name: `hiding-${index}/.wh.x` },
  ]).flat(),
};

/** What is left to the other way, and why it has to come back from there the same. */
const UNUSUAL: Readonly<Record<string, readonly TarItem[]>> = {
  'a name twice': [
    { name: 'f', content: '1' },
    { name: 'f', content: '2' },
  ],
  'a directory in the place of a link': [{ name: 'l', type: '2', linkName: 'x' }, { name: 'l/' }],
  'a fifo': [{ name: 'fifo', type: '6' }],
  'a device': [{ name: 'dev/null', type: '3', major: 1, minor: 3 }],
  'a sparse file': [
    { name: 's', content: 'y'.repeat(512), pax: { 'GNU.sparse.map': '100,512', 'GNU.sparse.size': '900' } },
  ],
  'a global header': [
    { name: 'g', type: 'g', content: '13 comment=x\n' },
    { name: 'f', content: 'x' },
  ],
  'a number in base 256': [{ name: 'f', content: 'x', uid: 4_000_000_000 }],
  'a time before the epoch': [{ name: 'f', content: 'x', pax: { mtime: '-1.5' } }],
  'a whiteout with content': [
    { name: '.wh.f', content: 'x' },
    { name: 'g', content: '' },
  ],
  'a whiteout with an entry in it': [{ name: '.wh.f', content: tarEntry({ name: 'smuggled' }) }],
  'a name of many slashes': [{ name: 'f', content: '', pax: { path: `a${'/'.repeat(4090)}b` } }],
};

describe('a layer by the addon', () => {
  const scratch = scratchDirectory();
  let store: TestStore;
  before(function () {
    needsRoot(this);
  });
  beforeEach(() => {
    store = new TestStore(scratch());
  });

  /** @returns whether the addon did it */
  async function same(tar: Buffer, pieces: readonly number[] = [tar.length]): Promise<boolean> {
    const quick = await quickly(store, tar, pieces);
    assert.deepEqual(fs.readdirSync(`${scratch()}/tmp`), []);
    if (quick === undefined) return false;
    const thorough = await thoroughly(store, tar);
    assert.ok(typeof thorough !== 'string', `the addon took what is refused: ${thorough}`);
    assert.ok(quick.aci.equals(thorough.aci), 'the ACIs are the same');
    assert.deepEqual(quick, thorough);
    return true;
  }

  for (const [name, items] of Object.entries(USUAL)) {
    it(`is what it is the other way: ${name}`, async () => {
      const tar = buildTar(items);
      for (const pieces of [[tar.length], [333], [512, 1, 5000], [100_000]]) assert.ok(await same(tar, pieces));
      assert.ok(await same(buildTar(items, Buffer.alloc(0))), 'without its end');
      assert.ok(await same(buildTar(items, Buffer.alloc(512))), 'with half an end');
      assert.ok(await same(buildTar(items, Buffer.alloc(10_240))), 'with a long end');
    });
  }

  for (const [name, items] of Object.entries(UNUSUAL)) {
    it(`is left to the other way: ${name}`, async () => {
      const [quick, thorough] = [await quickly(store, buildTar(items)), await thoroughly(store, buildTar(items))];
      assert.equal(quick, undefined);
      assert.ok(name === 'a name of many slashes' || typeof thorough !== 'string', `${thorough}`);
    });
  }

  it('is left to the other way where it is refused', async () => {
    const file = tarEntry({ name: 'f', content: 'x'.repeat(600) });
    const cut = [file.subarray(0, 100), file.subarray(0, 512), file.subarray(0, 1200), file.subarray(0, 1100)];
    const after = Buffer.concat([buildTar([]), Buffer.from('x')]);
    const between = Buffer.concat([Buffer.alloc(512), file]);
    const wrong = tarEntry({ name: 'f', wrongChecksum: true });
    const sized = tarEntry({ name: 'd/', claimedSize: 1 });
    const pax = tarEntry({ name: 'f', pax: { path: 'x' } });
    const twice = Buffer.concat([pax.subarray(0, 1024), pax]);
    for (const tar of [
      ...cut,
      after,
      between,
      wrong,
      sized,
      pax.subarray(0, 1024),
      twice,
      Buffer.alloc(2048, 'no archive '),
    ]) {
      assert.equal(await quickly(store, tar), undefined);
      assert.equal(typeof (await thoroughly(store, tar)), 'string');
    }
    for (const { name, layout } of LAYERS) {
      if (name === 'a bomb') continue;
      const [tar] = [...layout().blobs.values()].filter((blob) => blob[0] !== 0x7b);
      assert.equal(tar && (await quickly(store, tar)), undefined, name);
    }
  });

  it('archives made to break readers', async () => {
    const tars = [...PATHS, ...ARCHIVES, ...SPARSE_FILES].flatMap(({ images }) =>
      images().filter((image) => Buffer.isBuffer(image) && image.length < 8 * MIB),
    ) as Buffer[];
    assert.ok(tars.length > 30);
    for (const tar of tars) await same(tar);
  }).timeout(120_000);

  it('random ones', async () => {
    let taken = 0;
    const inputs = fc.tuple(
      mutated(layers()),
      fc.boolean(),
      fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1, maxLength: 4 }),
    );
    const property = fc.asyncProperty(inputs, async ([input, fix, pieces]) => {
      if (await same(fix ? withChecksums(input) : input, pieces)) taken += 1;
    });
    await fc.assert(property, { numRuns: Number(process.env['PODCTL_RUNS'] ?? 300) });
    assert.ok(taken > 20, `${taken} were taken`);
  }).timeout(600_000);

  it('random well-formed ones', async () => {
    const name = fc.constantFrom(
      'a',
      'b',
      'a/b',
      'a/c',
      'b/c',
      'a/b/d',
      '.wh.a',
      'a/.wh.b',
      'a/.wh..wh..opq',
      '.wh..wh..opq',
      'c',
      'd/',
      'a/',
      'a/b/',
    );
    const item: fc.Arbitrary<TarItem> = fc.record(
      {
        name,
        type: fc.constantFrom('0', '0', '0', '1', '2', '5', '6'),
        linkName: fc.constantFrom('a', 'a/b', 'c', '../x', 'b'),
        mode: fc.constantFrom(0o644, 0o4755, 0o700, 0),
        uid: fc.constantFrom(0, 5, 3_000_000),
        mtime: fc.constantFrom(0, 1, 1e9),
      },
      { requiredKeys: ['name', 'linkName'] },
    );
    let taken = 0;
    const property = fc.asyncProperty(fc.array(item, { maxLength: 8 }), async (items) => {
      if (await same(buildTar(items))) taken += 1;
    });
    await fc.assert(property, { numRuns: Number(process.env['PODCTL_RUNS'] ?? 300) });
    assert.ok(taken > 50, `${taken} were taken`);
  }).timeout(600_000);

  it('long runs of zeros are holes in the tree, whatever they were in the layer', async () => {
    const content = Buffer.concat([
      Buffer.from('head'),
      Buffer.alloc(4 * MIB),
      Buffer.from('tail'),
      Buffer.alloc(2 * MIB),
    ]);
    const tree = new LayerTree(store.trees);
    const quick = new QuickLayer(store.images.begin(), tree);
    const tar = buildTar([{ name: 'disk', content }]);
    for (let at = 0; at < tar.length; at += 100_000) await quick.take(tar.subarray(at, at + 100_000));
    const file = `/proc/self/fd/${tree.rootFd}/disk`;
    assert.notEqual((await quick.finish(`sha256:${'0'.repeat(64)}`))?.filled, undefined);
    const { size, blocks } = fs.statSync(file);
    assert.equal(size, content.length);
    assert.ok(blocks * 512 < 2 * MIB, `${blocks} blocks are on the disk`);
    assert.ok(fs.readFileSync(file).equals(content));
    tree.abandon();
    await quick.abandon();
  });

  it('abandoned, it writes nothing any more, and leaves nothing open', async () => {
    const open = (): number => fs.readdirSync('/proc/self/fd').length;
    const before = open();
    const tree = new LayerTree(store.trees);
    const quick = new QuickLayer(store.images.begin(), tree);
    const many = Array.from({ length: 3000 }, (_, index) => ({
      name: `many-${index % 50}/${index}`,
      content: `${index}`,
    }));
    void quick.take(buildTar(many));
    while (!fs.existsSync(`/proc/self/fd/${tree.rootFd}/many-1/1`)) await setImmediate();
    await quick.abandon();
    assert.deepEqual(fs.readdirSync(`${scratch()}/tmp`), []);
    assert.equal(open(), before);
  });
});
