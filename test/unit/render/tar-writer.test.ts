import assert from 'node:assert/strict';
import fs from 'node:fs';
import fc from 'fast-check';
import { type ByteString, fromBytes, fromText } from '../../../stage0/render/byte-string';
import { packTree } from '../../../stage0/render/pack';
import { TarReader } from '../../../stage0/render/tar';
import type { TarEntry } from '../../../stage0/render/tar-entry';
import { END_OF_ARCHIVE, memberHeader, paddingOf, type TarMember } from '../../../stage0/render/tar-writer';
import { native } from '../../../stage1/native/index';
import { throwsCode } from '../../fixtures/expect';
import { needsRoot, scratchDirectory } from '../../fixtures/scratch';

interface Read {
  readonly entry: Omit<TarEntry, 'offset'>;
  readonly content: string;
}

function readAll(archive: Buffer): readonly Read[] {
  const found: { entry: Omit<TarEntry, 'offset'>; content: string }[] = [];
  const reader = new TarReader({
    entry: ({ offset: _, ...entry }) => found.push({ entry, content: '' }),
    data: (chunk) => {
      const last = found.at(-1);
      if (last !== undefined) last.content += chunk.toString('latin1');
    },
    fileEnd: () => undefined,
  });
  reader.write(archive);
  reader.finish();
  return found;
}

const SIMPLE: TarMember = {
  name: fromText('rootfs/a'),
  type: 'file',
  size: 0,
  mode: 0o644,
  uid: 0,
  gid: 0,
  seconds: 0,
  nanoseconds: 0,
  linkName: fromText(''),
  xattrs: new Map(),
};

describe('the tar writer', () => {
  const bytes = (max: number) =>
    fc
      .uint8Array({ minLength: 1, maxLength: max })
      .map((array) => fromBytes(Buffer.from(array.map((byte) => byte || 1))));
  const member = fc.record({
    name: bytes(300).map((name) => `x${name}x` as ByteString),
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: fc.integer({ min: 0, max: 0xffff_fffe }),
    gid: fc.integer({ min: 0, max: 0xffff_fffe }),
    seconds: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
    nanoseconds: fc.integer({ min: 0, max: 999_999_999 }),
    linkName: bytes(300),
    xattrs: fc.dictionary(fc.stringMatching(/^user\.[a-z]{1,8}$/), fc.uint8Array({ maxLength: 40 })),
  });

  it('A4 writes what the reader reads back, whatever it is', () =>
    fc.assert(
      fc.property(member, fc.constantFrom('file', 'symlink', 'directory', 'fifo', 'hardlink'), (facts, type) => {
        const linkName = type === 'symlink' || type === 'hardlink' ? facts.linkName : fromText('');
        const xattrs = new Map(Object.entries(facts.xattrs).map(([k, v]) => [fromText(k), Buffer.from(v)]));
        const written: TarMember = { ...facts, type, linkName, xattrs, size: type === 'file' ? 3 : 0 };
        const content = Buffer.from(type === 'file' ? 'abc' : '');
        const [read, ...more] = readAll(
          Buffer.concat([memberHeader(written), content, paddingOf(content.length), END_OF_ARCHIVE]),
        );
        assert.deepEqual(more, []);
        const {
          major: _major,
          minor: _minor,
          sparse: _sparse,
          ...entry
        } = read?.entry ?? assert.fail('nothing was read');
        const shown = (one: TarMember) => ({ ...one, xattrs: [...one.xattrs].sort() });
        assert.deepEqual(shown(entry), shown(written));
        assert.equal(read?.content, content.toString());
      }),
      { numRuns: 400 },
    ));
  it('needs no extension for what ustar holds', () => assert.equal(memberHeader(SIMPLE).length, 512));
  it('tells files of more than 8 GiB', () => {
    const header = memberHeader({ ...SIMPLE, size: 2 ** 33 });
    assert.ok(header.includes('size=8589934592\n'));
  });
});

describe('packing a tree', () => {
  const scratch = scratchDirectory();
  const pack = async (root: string): Promise<{ archive: Buffer; left: string[] }> => {
    const parts: Buffer[] = [];
    const left: string[] = [];
    const fd = fs.openSync(root, fs.constants.O_RDONLY);
    await packTree(fd, {
      write: (chunk) => parts.push(Buffer.from(chunk)),
      leftOut: (name, what) => left.push(`${name} ${what}`),
    });
    fs.closeSync(fd);
    return { archive: Buffer.concat([...parts, END_OF_ARCHIVE]), left };
  };

  it('A4 keeps links, modes, times, attributes and names that are no text; sorts; twice the same bytes', async function () {
    needsRoot(this);
    const root = `${scratch()}/root`;
    fs.mkdirSync(`${root}/d`, { recursive: true });
    fs.writeFileSync(`${root}/d/z`, 'zzz', { mode: 0o600 });
    fs.linkSync(`${root}/d/z`, `${root}/a`);
    fs.symlinkSync('/etc/passwd', `${root}/out`);
    fs.writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0xfe])]), '');
    fs.chownSync(`${root}/d`, 3_000_000, 5);
    fs.chmodSync(`${root}/d`, 0o3751);
    const fd = fs.openSync(root, fs.constants.O_RDONLY);
    native().utimensat(fd, 'd', -5, 250_000_000);
    native().lsetxattrat(fd, 'a', 'user.x', Buffer.from([0, 255]));
    native().lsetxattrat(fd, 'a', 'user.overlay.opaque', Buffer.from('y'));
    native().lsetxattrat(fd, 'a', 'trusted.secret', Buffer.from('y'));
    fs.closeSync(fd);
    const { archive } = await pack(root);
    const read = readAll(archive);
    assert.deepEqual(
      read.map(({ entry }) => [entry.name, entry.type, entry.linkName]),
      [
        ['rootfs/', 'directory', ''],
        ['rootfs/a', 'file', ''],
        ['rootfs/d/', 'directory', ''],
        ['rootfs/d/z', 'hardlink', 'rootfs/a'],
        ['rootfs/out', 'symlink', '/etc/passwd'],
        ['rootfs/\xff\xfe', 'file', ''],
      ],
    );
    const [, file, directory] = read;
    assert.equal(file?.content, 'zzz');
    assert.deepEqual([...(file?.entry.xattrs ?? [])], [['user.x', Buffer.from([0, 255])]]);
    const { mode, uid, gid, seconds, nanoseconds } = directory?.entry ?? assert.fail('no directory');
    assert.deepEqual([mode, uid, gid, seconds, nanoseconds], [0o3751, 3_000_000, 5, -5, 250_000_000]);
    assert.ok((await pack(root)).archive.equals(archive));
  });
  it('leaves sockets out, and device nodes that an image may not have, and names them', async function () {
    needsRoot(this);
    const root = `${scratch()}/root`;
    fs.mkdirSync(root);
    const fd = fs.openSync(root, fs.constants.O_RDONLY);
    native().mknodat(fd, 'null', 0o020666, 1, 3);
    native().mknodat(fd, 'mem', 0o020666, 1, 1);
    native().mknodat(fd, 'disk', 0o060666, 8, 0);
    native().mknodat(fd, 'sock', 0o140666, 0, 0);
    native().mknodat(fd, 'fifo', 0o010666, 0, 0);
    fs.closeSync(fd);
    const { archive, left } = await pack(root);
    assert.deepEqual(
      readAll(archive).map(({ entry: { type, major, minor } }) => `${type} ${major}:${minor}`),
      ['directory 0:0', 'fifo 0:0', 'character 1:3'],
    );
    assert.deepEqual(left, ['"rootfs/disk" device', '"rootfs/mem" device', '"rootfs/sock" socket']);
  });
  it('refuses a tree that is deeper than an image may be', async () => {
    const root = `${scratch()}/root`;
    fs.mkdirSync(root + '/d'.repeat(300), { recursive: true });
    let thrown: unknown;
    await pack(root).catch((error: unknown) => {
      thrown = error;
    });
    throwsCode('image-too-large', () => {
      throw thrown;
    });
  });
});
