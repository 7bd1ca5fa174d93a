import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { buildTree } from '../../../stage0/render/build';
import { ensureTree } from '../../../stage0/render/ensure-tree';
import { stepOf } from '../../../stage0/render/order';
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

describe('rendering', () => {
  const scratch = scratchDirectory();
  const images = (...acis: Parameters<typeof buildAci>[0][]): Promise<string> =>
    acis.reduce(async (before: Promise<string>, options) => {
      await before;
      return new TestStore(scratch()).render(buildAci(options));
    }, Promise.resolve(''));

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

  for (const format of ['gnu', 'pax 0.0', 'pax 0.1', 'pax 1.0'] as const) {
    it(`A4 sparse files of the ${format} format are what GNU tar makes of them, and stay sparse`, async () => {
      const source = `${scratch()}/source`;
      fs.mkdirSync(`${source}/rootfs`, { recursive: true });
      fs.writeFileSync(`${source}/manifest`, aciManifest({}));
      const layouts = { one: [0], end: [5], holes: [], many: Array.from({ length: 60 }, (_, i) => 2 * i) };
      for (const [name, pieces] of Object.entries(layouts)) {
        const fd = fs.openSync(`${source}/rootfs/${name}`, 'w');
        for (const piece of pieces) fs.writeSync(fd, Buffer.alloc(64 * 1024, name), 0, 64 * 1024, piece * 64 * 1024);
        fs.ftruncateSync(fd, 16 * 1024 ** 2 + 77);
        fs.closeSync(fd);
      }
      const [kind, version] = format.split(' ');
      const how = version === undefined ? [] : [`--sparse-version=${version}`];
      const archive = `${scratch()}/x.tar`;
      execFileSync('tar', [`--format=${kind}`, '-S', ...how, '-C', source, '-cf', archive, 'manifest', 'rootfs']);
      assert.ok(fs.statSync(archive).size < 8 * 1024 ** 2, 'GNU tar found the holes');
      const tree = await new TestStore(scratch()).render(fs.readFileSync(archive));
      const content = (line: string): string => line.split(' | ').slice(0, 5).join(' ');
      const whole = (lines: readonly string[]) => lines.slice(1).map(content);
      if (kind === 'pax') assert.deepEqual(whole(snapshotTree(tree)), whole(snapshotTree(`${source}/rootfs`)));
      for (const name of Object.keys(layouts)) {
        const [ours, theirs] = [`${tree}/${name}`, `${source}/rootfs/${name}`];
        assert.ok(fs.readFileSync(ours).equals(fs.readFileSync(theirs)), name);
        assert.ok(fs.statSync(ours).blocks <= fs.statSync(theirs).blocks + 64, `${name} stays sparse`);
      }
    });
  }

  it('A4 device nodes that every pod has are rendered, with mode, owner and time', async () => {
    const files: TarItem[] = [3, 5, 7, 8, 9].map((minor) => ({ name: `rootfs/${minor}`, type: '3', major: 1, minor }));
    const tty: TarItem = { name: 'rootfs/tty', type: '3', major: 5, minor: 0, mode: 0o620, gid: 5 };
    const tree = await images({ files: [...files, tty] });
    const numbers = (name: string): number => fs.lstatSync(`${tree}/${name}`).rdev;
    assert.deepEqual(
      [3, 5, 7, 8, 9].map((minor) => numbers(`${minor}`)),
      [0x103, 0x105, 0x107, 0x108, 0x109],
    );
    assert.equal(numbers('tty'), 0x500);
    assert.match(snapshotTree(tree).at(-1) ?? '', /^\/tty \| 20620 \| 0:5 \| 1704067200000000000/);
  });

  /** Renders, and dies of SIGKILL where the tree has all its files and is not in its place yet. */
  const RENDER_AND_DIE = `
    const [dist, dir, id] = process.argv.slice(1);
    const { native } = require(dist + '/stage1/native/index.js');
    native().syncfs = () => process.kill(process.pid, 'SIGKILL');
    const { ensureTree } = require(dist + '/stage0/render/ensure-tree.js');
    const { TestStore } = require(dist + '/test/fixtures/store.js');
    ensureTree(new TestStore(dir), id);`;

  it('C1 the tree begins empty: nothing of a rendering that was killed is in it, whatever became of that', async () => {
    const store = new TestStore(scratch());
    const image = await store.add(buildAci({ files: [file('a')] }));
    const dist = path.join(__dirname, '../../..');
    const killed = spawnSync(process.execPath, ['-e', RENDER_AND_DIE, dist, scratch(), image.id]);
    assert.equal(killed.signal, 'SIGKILL', killed.stderr.toString());
    const left = fs.readdirSync(`${scratch()}/tmp`).map((name) => `${scratch()}/tmp/${name}`);
    assert.deepEqual(
      left.map((directory) => fs.readdirSync(`${directory}/rootfs`)),
      [['a']],
    );
    for (const directory of left) fs.writeFileSync(`${directory}/rootfs/b`, 'of somebody else');
    const tree = await ensureTree(store, image.id);
    assert.deepEqual(fs.readdirSync(tree), ['a']);
    assert.equal(store.images.sweepTemporary(), left.length);
    assert.deepEqual(fs.readdirSync(`${scratch()}/tmp`), []);
  });

  it('C1 only an empty directory is rendered into', async () => {
    const store = new TestStore(scratch());
    const image = await store.add(buildAci({ files: [file('a')] }));
    fs.mkdirSync(`${scratch()}/root/b`, { recursive: true });
    const fd = fs.openSync(`${scratch()}/root`, fs.constants.O_RDONLY);
    try {
      assert.throws(() => buildTree(store.images, [stepOf(store.images, image.id)], fd), /not empty/);
    } finally {
      fs.closeSync(fd);
    }
    assert.deepEqual(fs.readdirSync(`${scratch()}/root`), ['b']);
  });

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
