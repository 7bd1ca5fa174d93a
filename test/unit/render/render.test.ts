import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { ensureTree } from '../../../stage0/render/ensure-tree';
import { native } from '../../../stage1/native/index';
import { aciManifest, buildAci } from '../../fixtures/aci';
import { rejectsCode } from '../../fixtures/expect';
import { needsRoot, scratchDirectory } from '../../fixtures/scratch';
import { snapshotTree } from '../../fixtures/snapshot';
import { TestStore } from '../../fixtures/store';
import { buildTar, type TarItem } from '../../fixtures/tar-writer';

/** cap_setuid=ep, as setcap writes it: not UTF-8. */
const CAPABILITY = Buffer.from('0100000280000000000000000000000000000000', 'hex');
/** user::rw- user:1000:r-- group::r-- mask::r-- other::--- */
const ACL = Buffer.from(
  '0200000001000600ffffffff02000400e803000004000400ffffffff10000400ffffffff20000000ffffffff',
  'hex',
);

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

describe('rendering', () => {
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

  /** A root with every kind of entry and metadata, made by system calls. */
  function makeRoot(root: string): void {
    const at = (name: string) => `${root}/rootfs/${name}`;
    fs.mkdirSync(at('dir/deep/er'), { recursive: true });
    fs.writeFileSync(at('file'), 'content');
    fs.writeFileSync(at('empty'), '');
    fs.writeFileSync(at('big'), Buffer.alloc(3 * 1024 * 1024 + 17, 'podctl'));
    fs.writeFileSync(at('setuid'), 'x');
    fs.chownSync(at('setuid'), 1234, 5678);
    fs.chmodSync(at('setuid'), 0o6755);
    fs.writeFileSync(at('large-ids'), 'x');
    fs.chownSync(at('large-ids'), 3_000_000_000, 4_000_000_000);
    fs.mkdirSync(at('sticky'));
    fs.chmodSync(at('sticky'), 0o1777);
    fs.mkdirSync(at('read-only'));
    fs.writeFileSync(at('read-only/file'), 'x', { mode: 0o000 });
    fs.mkdirSync(at('setgid'));
    fs.chownSync(at('setgid'), 7, 8);
    fs.chmodSync(at('setgid'), 0o2755);
    fs.writeFileSync(at('setgid/file'), 'x');
    fs.symlinkSync('/absolute/target', at('absolute-link'));
    fs.symlinkSync('../../../above', at('dir/link-above'));
    fs.lchownSync(at('absolute-link'), 11, 12);
    fs.linkSync(at('file'), at('dir/hard'));
    const dirFd = fs.openSync(`${root}/rootfs`, fs.constants.O_RDONLY);
    native().linkat(dirFd, 'absolute-link', dirFd, 'hard-to-link');
    native().mknodat(dirFd, 'fifo', 0o010000, 0, 0);
    native().fchmodat(dirFd, 'fifo', 0o4620);
    fs.writeFileSync(at('capability'), 'x');
    native().lsetxattrat(dirFd, 'capability', 'security.capability', CAPABILITY);
    fs.writeFileSync(at('acl'), 'x');
    native().lsetxattrat(dirFd, 'acl', 'system.posix_acl_access', ACL);
    native().lsetxattrat(dirFd, 'dir', 'user.podctl', Buffer.from([0, 1, 0xff]));
    fs.writeFileSync(Buffer.concat([Buffer.from(`${root}/rootfs/`), Buffer.from([0xff, 0xfe, 0x41])]), 'not UTF-8');
    fs.writeFileSync(at('new\nline'), 'x');
    fs.mkdirSync(at('long/'.repeat(40)), { recursive: true });
    fs.writeFileSync(at(`${'long/'.repeat(40)}${'n'.repeat(200)}`), 'long name');
    fs.symlinkSync('t'.repeat(300), at('long-link'));
    native().utimensat(dirFd, 'absolute-link', 1_600_000_000, 123_456_789);
    native().utimensat(dirFd, 'file', -5, 500_000_000);
    native().utimensat(dirFd, 'read-only', 1_500_000_000, 1);
    native().fchmodat(dirFd, 'read-only', 0o555);
    native().utimensat(dirFd, 'dir', 1_400_000_000, 999_999_999);
    fs.closeSync(dirFd);
  }

  for (const format of ['pax', 'gnu'] as const) {
    it(`A4 a tree made from a ${format} archive is equal to what GNU tar -xp makes of it`, async () => {
      const [source, theirs] = [`${scratch()}/source`, `${scratch()}/theirs`];
      fs.mkdirSync(theirs);
      makeRoot(source);
      fs.writeFileSync(`${source}/manifest`, aciManifest({}));
      const xattrs = format === 'pax' ? ['--xattrs', '--xattrs-include=*'] : [];
      execFileSync('tar', [
        `--format=${format}`,
        ...xattrs,
        '-C',
        source,
        '-cf',
        `${scratch()}/x.tar`,
        'manifest',
        'rootfs',
      ]);
      execFileSync('tar', [...xattrs, '--numeric-owner', '-C', theirs, '-xpf', `${scratch()}/x.tar`], {
        stdio: 'pipe',
      });
      const tree = await new TestStore(scratch()).render(fs.readFileSync(`${scratch()}/x.tar`));
      const ours = snapshotTree(tree);
      assert.deepEqual(ours, snapshotTree(`${theirs}/rootfs`));
      if (format === 'pax') assert.deepEqual(ours, snapshotTree(`${source}/rootfs`));
    });
  }

  it('directories without an entry belong to root, 0755, of the epoch, whatever the umask', async () => {
    const umask = process.umask(0o077);
    try {
      const tree = await images({ files: [file('a/b/c', 'x', { mode: 0o666 })] });
      assert.deepEqual(
        snapshotTree(tree).map((line) => line.split(' | ').slice(0, 4).join(' ')),
        [' 40755 0:0 0', '/a 40755 0:0 0', '/a/b 40755 0:0 0', '/a/b/c 100666 0:0 1704067200000000000'],
      );
    } finally {
      process.umask(umask);
    }
  });

  it('leaves labels of the host on which the archive was made', async () => {
    const pax = { 'SCHILY.xattr.security.selinux': 'u:r:t', 'SCHILY.xattr.user.kept': 'yes' };
    const tree = await images({ files: [file('a', 'x', { pax })] });
    assert.match(snapshotTree(tree)[1] ?? '', /\| user\.kept=[0-9a-f]+$/);
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

  it('renders once, and then costs one stat', async () => {
    const store = new TestStore(scratch());
    const image = await store.add(buildAci({ files: [file('a')] }));
    const [first, second] = await Promise.all([ensureTree(store, image.id), ensureTree(store, image.id)]);
    assert.equal(first, second);
    const before = fs.statSync(first).ctimeMs;
    assert.equal(await ensureTree(store, image.id), first);
    assert.equal(fs.statSync(first).ctimeMs, before);
    assert.deepEqual(fs.readdirSync(`${scratch()}/tmp`), []);
    assert.deepEqual(
      store.trees.list().map(({ facts }) => [facts.image, facts.entries]),
      [[image.id, 1]],
    );
  });

  it('leaves nothing if the archive in the store is damaged', async () => {
    const store = new TestStore(scratch());
    const image = await store.add(buildAci({ files: [file('a'), file('b')] }));
    const tar = buildTar([file('a'), { name: 'rootfs/../../escape', content: 'x' }]);
    fs.writeFileSync(`${scratch()}/images/${image.id}/image.tar`, tar);
    await rejectsCode('image-path-escape', ensureTree(store, image.id));
    assert.deepEqual([fs.readdirSync(`${scratch()}/tmp`), fs.readdirSync(`${scratch()}/trees`)], [[], []]);
  });
}).timeout(30_000);
