/** What becomes of layers: whiteouts, links and directories across them, rendered one by one and all at once. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import fc from 'fast-check';
import { buildTree } from '../../../../stage0/render/build';
import { renderSteps } from '../../../../stage0/render/order';
import type { StoredImage } from '../../../../stage0/store/cas';
import { native } from '../../../../stage1/native/index';
import { DockerStore } from '../../../fixtures/docker-store';
import { rejectsCode } from '../../../fixtures/expect';
import { layer, layoutOf, type TestLayer } from '../../../fixtures/oci';
import { needsRoot, scratchDirectory } from '../../../fixtures/scratch';
import { snapshotTree } from '../../../fixtures/snapshot';
import type { TarItem } from '../../../fixtures/tar-writer';

describe('layers of Docker and OCI images', () => {
  const scratch = scratchDirectory();
  let store: DockerStore;
  let count = 0;
  before(function () {
    needsRoot(this);
  });
  beforeEach(() => {
    store = new DockerStore(scratch());
  });

  /** @param render whether layers are rendered while they come in */
  const fetch = (layers: readonly TestLayer[], render = true): Promise<StoredImage> => {
    count += 1;
    return store.fetch('oci', layoutOf({ layers }).write(`${scratch()}/layout-${count}`), { render });
  };
  const isRoot = (path: string): boolean => path === '';
  /** As an app sees the image. */
  const merged = async (image: StoredImage): Promise<readonly string[]> => {
    const trees = await store.treesOf(image);
    const view = native().viewOverlay(trees);
    try {
      return snapshotTree(`/proc/self/fd/${view}/.`, isRoot);
    } finally {
      fs.closeSync(view);
    }
  };
  const rendered = (image: StoredImage): readonly string[] => {
    count += 1;
    const directory = `${scratch()}/whole-${count}`;
    fs.mkdirSync(directory);
    const fd = fs.openSync(directory, fs.constants.O_RDONLY);
    try {
      buildTree(store.images, renderSteps(store.images, image.id, store.images.manifest(image.id)), fd, false);
    } finally {
      fs.closeSync(fd);
    }
    return snapshotTree(`${directory}/.`, isRoot);
  };
  const names = (lines: readonly string[]): readonly string[] => lines.map((line) => line.split(' | ')[0] ?? '');
  const seen = async (...layers: readonly (readonly TarItem[])[]): Promise<readonly string[]> => {
    const image = await fetch(layers.map((items) => layer(items)));
    const lines = await merged(image);
    assert.deepEqual(lines, rendered(image), 'an overlay of the layers and one tree of them are the same');
    return names(lines);
  };

  it('whiteouts hide files, directories and links of layers below, and nothing else', async () => {
    const below = [
      { name: 'd/' },
      { name: 'd/x', content: 'x' },
      { name: 'd/sub/' },
      { name: 'd/sub/y', content: 'y' },
      { name: 'l', type: '2', linkName: 'd' },
      { name: 'stays', content: 's' },
    ];
    const above = [{ name: 'd/' }, { name: 'd/.wh.sub' }, { name: '.wh.l' }, { name: '.wh.never-there' }];
    assert.deepEqual(await seen(below, above), ['/d', '/d/x', '/stays']);
  });

  it('a whiteout does not hide what its own layer has, before or behind it', async () => {
    const below = [{ name: 'd/' }, { name: 'd/old', content: 'o' }, { name: 'f', content: 'old' }];
    for (const above of [
      [
        { name: '.wh.d' },
        { name: 'd/' },
        { name: 'd/new', content: 'n' },
        { name: '.wh.f' },
        { name: 'f', content: 'new' },
      ],
      [
        { name: 'd/' },
        { name: 'd/new', content: 'n' },
        { name: '.wh.d' },
        { name: 'f', content: 'new' },
        { name: '.wh.f' },
      ],
    ])
      assert.deepEqual(await seen(below, above), ['/d', '/d/new', '/f']);
  });

  it('an opaque whiteout hides all that layers below have in a directory', async () => {
    const below = [{ name: 'd/' }, { name: 'd/a', content: '1' }, { name: 'd/s/' }, { name: 'd/s/b', content: '2' }];
    const above = [{ name: 'd/' }, { name: 'd/c', content: '3' }, { name: 'd/.wh..wh..opq' }];
    assert.deepEqual(await seen(below, above), ['/d', '/d/c']);
    assert.deepEqual(await seen(below, [{ name: '.wh..wh..opq' }, { name: 'only', content: '' }]), ['/only']);
  });

  it('a file takes the place of a directory, and a directory that of a file, and back', async () => {
    const one = [{ name: 'a/' }, { name: 'a/x', content: 'x' }, { name: 'b', content: 'b' }];
    const two = [{ name: 'a', content: 'now a file' }, { name: 'b/' }, { name: 'b/y', content: 'y' }];
    const three = [{ name: 'a/' }, { name: 'a/z', content: 'z' }, { name: 'b', type: '2', linkName: 'a' }];
    assert.deepEqual(await seen(one, two), ['/a', '/b', '/b/y']);
    assert.deepEqual(await seen(one, two, three), ['/a', '/a/z', '/b']);
  });

  it('a hard link leads to a file of a layer below, which gets another name', async () => {
    const below = [{ name: 'd/' }, { name: 'd/file', content: 'content', uid: 7, mode: 0o640 }];
    const image = await fetch([layer(below), layer([{ name: 'link', type: '1', linkName: '/d/file' }])]);
    const lines = await merged(image);
    assert.deepEqual(names(lines), ['/d', '/d/file', '/link']);
    assert.match(lines.at(-1) ?? '', /\| 7:0 \|.*= \/d\/file/);
  });

  it('a directory without an entry is as the layer below has it', async () => {
    const below = [{ name: 'private/', mode: 0o700, uid: 5, gid: 6 }];
    const image = await fetch([
      layer(below),
      layer([
        { name: 'private/new', content: '' },
        { name: 'own/new', content: '' },
      ]),
    ]);
    const lines = await merged(image);
    assert.match(lines.find((line) => line.startsWith('/private |')) ?? '', /^\/private \| 40700 \| 5:6 /);
    assert.match(lines.find((line) => line.startsWith('/own |')) ?? '', /^\/own \| 40755 \| 0:0 /);
  });

  it('is rendered while it comes in as it is later, and once', async () => {
    const below = [
      { name: 'd/', mode: 0o700 },
      { name: 'd/f', content: 'x'.repeat(3_000_000), uid: 7 },
    ];
    const above = [
      { name: 'd/new', content: '' }, // in a directory without an entry
      { name: 'd/hard', type: '1', linkName: 'd/new' },
      { name: '.wh.gone' },
      { name: 'o/' },
      { name: 'o/.wh..wh..opq' },
    ];
    const linked = layer([{ name: 'link', type: '1', linkName: 'd/f' }]); // needs what is below
    const unusual = layer([{ name: 'fifo', type: '6' }]);
    const trees = (): readonly (readonly string[])[] =>
      store.trees.list().map(({ id, path }) => [id, ...snapshotTree(`${path}/.`, isRoot)]);
    const image = await fetch([layer(below, 'gzip'), layer(above)]);
    const first = trees();
    assert.equal(first.length, 2);
    for (const { id } of store.trees.list()) store.trees.remove(id);
    const lines = await merged(image);
    assert.deepEqual(
      trees().filter(([id]) => first.some(([other]) => other === id)),
      first,
    );
    assert.deepEqual(lines, rendered(image));
    const before = store.trees.list().length;
    await fetch([layer(below, 'gzip'), linked, unusual]);
    assert.equal(store.trees.list().length, before, 'no trees of these before they are wanted');
    await fetch([layer([{ name: 'only stored', content: '' }])], false);
    assert.equal(store.trees.list().length, before);
  });

  it('many layers with directories that they have no entries for become one tree, not one each', async () => {
    const all = Array.from({ length: 8 }, (_, index) => layer([{ name: `d/file-${index}`, content: '' }]));
    const image = await fetch([layer([{ name: 'd/', mode: 0o710 }]), ...all]);
    const lines = await merged(image);
    assert.deepEqual(lines, rendered(image));
    assert.equal(lines.length, 9);
    assert.equal((await store.treesOf(image)).length, 2);
    const folded = store.trees.list().filter(({ facts }) => facts.layers.length > 1);
    assert.equal(folded.length, 1);
  });

  it('a layer that somebody removes while its image is stored is told, so that it is fetched again', async () => {
    const has = store.images.has.bind(store.images);
    store.images.has = () => false;
    await rejectsCode('image-removed', fetch([layer([{ name: 'a', content: '' }])]));
    store.images.has = has;
    await fetch([layer([{ name: 'a', content: '' }])]);
  });

  it('keeps large IDs, modes, capabilities, POSIX names and times', async () => {
    const capability = Buffer.from('010000020020000000000000000000000000000000', 'hex').subarray(0, 20);
    const image = await fetch([
      layer([
        {
          name: 'ping',
          content: 'x',
          mode: 0o4755,
          uid: 4_000_000_000,
          gid: 3_000_000_000,
          mtime: 1_000_000_000,
          pax: { 'SCHILY.xattr.security.capability': capability },
        },
        { name: `long/${'n'.repeat(200)}`, content: '' },
        { name: Buffer.from([0x66, 0xff]), content: '' },
      ]),
    ]);
    const lines = await merged(image);
    const ping = lines.find((line) => line.startsWith('/ping |')) ?? '';
    assert.match(ping, /^\/ping \| 104755 \| 4000000000:3000000000 \| 1000000000000000000 \|/);
    assert.match(ping, /security\.capability=0100000200200000/);
    assert.deepEqual(names(lines), ['/f\xff', '/long', `/long/${'n'.repeat(200)}`, '/ping']);
  });

  it('leaves device nodes of dev/ out, and refuses others', async () => {
    const nodes = [
      { name: 'dev/' },
      { name: 'dev/console', type: '3', major: 5, minor: 1 },
      { name: 'dev/sda', type: '4', major: 8, minor: 0 },
      { name: 'dev/null', type: '3', major: 1, minor: 3 },
    ];
    assert.deepEqual(names(await merged(await fetch([layer(nodes)]))), ['/dev', '/dev/null']);
  });

  it('one layer is stored and rendered once, whoever uses it and however it is compressed', async () => {
    const items: readonly TarItem[] = [{ name: 'shared', content: 'shared'.repeat(1000) }];
    const images = [];
    for (const compression of ['none', 'gzip', 'zstd'] as const)
      images.push(await fetch([layer(items, compression), layer([{ name: compression, content: '' }])]));
    const lowest = new Set<string>();
    for (const image of images) lowest.add((await store.treesOf(image)).at(-1) ?? '');
    assert.equal(lowest.size, 1);
    assert.equal(store.images.list().filter(({ name }) => name.startsWith('layer/')).length, 4);
  });

  it('the ID of a layer does not depend on when and where it is converted', async () => {
    const items: readonly TarItem[] = [{ name: 'a/' }, { name: 'a/b', content: 'c', mtime: 1 }];
    await fetch([layer(items)]);
    const [image] = store.images.list();
    assert.match(image?.id ?? '', /^sha512-756c3778493140050501903a52c019014fff4d6b/);
  });

  /** What the specification says, in a few lines. */
  const reference = (layers: readonly (readonly TarItem[])[]): readonly string[] => {
    const tree = new Map<string, string>();
    const removeBelow = (path: string): void => {
      for (const other of [...tree.keys()]) if (other.startsWith(`${path}/`)) tree.delete(other);
    };
    for (const items of layers) {
      for (const { name } of items) {
        const [, parent = '', base = ''] = /^(.*?)([^/]*)$/.exec(String(name)) ?? [];
        if (base === '.wh..wh..opq') removeBelow(`/${parent}`.replace(/\/$/, ''));
        else if (base.startsWith('.wh.')) {
          tree.delete(`/${parent}${base.slice(4)}`);
          removeBelow(`/${parent}${base.slice(4)}`);
        }
      }
      for (const { name, type, content } of items) {
        const path = `/${String(name).replace(/\/$/, '')}`;
        if (/(?:^|\/)\.wh\./.test(String(name))) continue;
        const kind = String(name).endsWith('/') ? 'directory' : `${type ?? ''}${String(content ?? '')}`;
        if (kind !== 'directory' || tree.get(path) !== 'directory') removeBelow(path);
        tree.set(path, kind);
      }
    }
    return [...tree.keys()].sort();
  };

  it('any layers: an overlay, one tree and the specification agree', async function () {
    this.timeout(60_000);
    const name = fc.constantFrom('a', 'b', 'c');
    const node = fc.record({
      path: fc.array(name, { minLength: 1, maxLength: 3 }),
      kind: fc.constantFrom('file', 'directory', 'link', 'whiteout', 'opaque'),
    });
    const items = fc.array(node, { maxLength: 8 }).map((nodes): readonly TarItem[] => {
      const kinds = new Map<string, string>();
      const marks: TarItem[] = [];
      for (const { path, kind } of nodes) {
        const parents = path.slice(0, -1).map((_, index) => path.slice(0, index + 1).join('/'));
        if (parents.some((parent) => (kinds.get(parent) ?? 'directory') !== 'directory')) continue;
        const own = path.join('/');
        if (kind === 'opaque' && (kinds.get(own) ?? 'directory') !== 'directory') continue;
        if (kind !== 'whiteout' && kinds.has(own) && kind !== 'opaque') continue;
        for (const parent of parents) kinds.set(parent, 'directory');
        if (kind === 'whiteout') marks.push({ name: [...path.slice(0, -1), `.wh.${path.at(-1)}`].join('/') });
        else if (kind === 'opaque') marks.push({ name: `${own}/.wh..wh..opq` });
        kinds.set(own, kind === 'opaque' ? 'directory' : kind === 'whiteout' ? (kinds.get(own) ?? 'none') : kind);
        if (kinds.get(own) === 'none') kinds.delete(own);
      }
      const entries = [...kinds].sort().map(([path, kind]): TarItem => {
        if (kind === 'directory') return { name: `${path}/` };
        return kind === 'link' ? { name: path, type: '2', linkName: 'a' } : { name: path, content: 'file' };
      });
      return [...entries, ...marks];
    });
    await fc.assert(
      fc.asyncProperty(fc.array(items, { minLength: 1, maxLength: 4 }), async (layers) => {
        assert.deepEqual(await seen(...layers), reference(layers));
      }),
      { numRuns: 60 },
    );
  });
});
