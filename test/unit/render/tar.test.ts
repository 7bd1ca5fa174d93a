import assert from 'node:assert/strict';
import fc from 'fast-check';
import { PodctlError } from '#kernel/errors';
import { TarReader } from '../../../stage0/render/tar';
import type { TarEntry } from '../../../stage0/render/tar-entry';
import { throwsCode } from '../../fixtures/expect';
import { buildTar, END_OF_ARCHIVE, paxRecord, type TarItem, tarEntry } from '../../fixtures/tar-writer';

interface Seen {
  readonly entry: TarEntry;
  readonly content: Buffer;
}

/** What a reader sees of an archive given to it in pieces of these sizes, over and over. */
function read(archive: Buffer, pieces: readonly number[] = [archive.length]): readonly Seen[] {
  const seen: { entry: TarEntry; content: Buffer; ended: boolean }[] = [];
  const reader = new TarReader({
    entry: (entry) => void seen.push({ entry, content: Buffer.alloc(0), ended: entry.type !== 'file' }),
    data: (chunk) => {
      const last = seen.at(-1);
      assert.ok(last !== undefined && !last.ended);
      last.content = Buffer.concat([last.content, chunk]);
    },
    fileEnd: () => {
      const last = seen.at(-1);
      assert.ok(last !== undefined && !last.ended);
      last.ended = true;
    },
  });
  for (let at = 0, turn = 0; at < archive.length; turn += 1) {
    const size = pieces[turn % pieces.length] ?? 1;
    reader.write(archive.subarray(at, at + size));
    at += size;
  }
  reader.finish();
  assert.ok(seen.every(({ ended, entry, content }) => ended && content.length === entry.size));
  return seen;
}

const one = (item: TarItem): TarEntry => {
  const [seen] = read(buildTar([item]));
  assert.ok(seen !== undefined);
  return seen.entry;
};
const extension = (type: string, content: Buffer, tamper?: (header: Buffer) => void): TarItem => ({
  name: 'PaxHeaders/x',
  type,
  content,
  ...(tamper && { tamper }),
});

describe('the tar reader', () => {
  it('reads a plain entry', () => {
    const [seen] = read(buildTar([{ name: 'a/b', content: 'hello', mode: 0o4755, uid: 1, gid: 2, mtime: 3 }]));
    assert.equal(seen?.content.toString(), 'hello');
    const { name, type, size, mode, uid, gid, seconds, nanoseconds } = seen?.entry ?? ({} as TarEntry);
    assert.deepEqual(
      { name, type, size, mode, uid, gid, seconds, nanoseconds },
      { name: 'a/b', type: 'file', size: 5, mode: 0o4755, uid: 1, gid: 2, seconds: 3, nanoseconds: 0 },
    );
  });

  it('joins the ustar prefix', () =>
    assert.equal(one({ name: 'name', tamper: (header) => header.write('some/dir', 345) }).name, 'some/dir/name'));
  it('does not take GNU header fields for a prefix', () => {
    const tamper = (header: Buffer): void => {
      header.write('ustar  \0', 257, 'latin1');
      header.write('14755500000', 345);
    };
    assert.equal(one({ name: 'name', tamper }).name, 'name');
  });
  it('takes a v7 file whose name ends in a slash for a directory', () =>
    assert.equal(one({ name: 'd/', type: '\0' }).type, 'directory'));
  it('reads names and links of any length in the GNU format', () => {
    const entry = one({ name: 'n'.repeat(300), type: '2', linkName: 't'.repeat(400) });
    assert.deepEqual([entry.name.length, entry.linkName.length], [300, 400]);
  });
  it('reads a name of exactly 100 bytes, which has no NUL', () =>
    assert.equal(one({ name: 'n'.repeat(100) }).name.length, 100));
  it('keeps names that are not UTF-8', () =>
    assert.equal(one({ name: Buffer.from([0x61, 0xff, 0x80]) }).name, 'a\xff\x80'));
  it('reads base-256 numbers, negative ones too', () => {
    const entry = one({ name: 'a', uid: 3_000_000_000, mtime: -77 });
    assert.deepEqual([entry.uid, entry.seconds], [3_000_000_000, -77]);
  });
  it('prefers PAX records, and keeps attribute values as bytes', () => {
    const value = Buffer.from([0, 0xff, 0x0a, 0x3d, 0x80]);
    const entry = one({
      name: 'short',
      pax: { path: 'long/näme', uid: '4000000000', mtime: '12.5', 'SCHILY.xattr.security.capability': value },
    });
    assert.equal(Buffer.from(entry.name, 'latin1').toString(), 'long/näme');
    assert.deepEqual([entry.uid, entry.seconds, entry.nanoseconds], [4_000_000_000, 12, 500_000_000]);
    assert.deepEqual([...entry.xattrs], [['security.capability', value]]);
  });
  it('reads PAX times before the epoch', () => {
    const entry = one({ name: 'a', pax: { mtime: '-1.25' } });
    assert.deepEqual([entry.seconds, entry.nanoseconds], [-2, 750_000_000]);
  });
  it('forgets PAX records after their entry, but not global ones', () => {
    const archive = buildTar([extension('g', paxRecord('uid', '7')), { name: 'a', pax: { uid: '8' } }, { name: 'b' }]);
    assert.deepEqual(
      read(archive).map(({ entry }) => entry.uid),
      [8, 7],
    );
  });

  describe('refuses', () => {
    const refuses = (archive: Buffer, text: RegExp): void =>
      throwsCode('image-archive-invalid', () => read(archive), text);
    const refused = (what: string, items: readonly TarItem[], text: RegExp): Mocha.Test =>
      it(what, () => refuses(buildTar(items), text));

    it('nothing', () => refuses(Buffer.alloc(0), /empty/));
    it('something else', () => refuses(Buffer.alloc(1024, 'x'), /not a tar/));
    refused(
      'a wrong checksum, with the place',
      [{ name: 'a' }, { name: 'b', wrongChecksum: true }],
      /checksum.*byte 512/,
    );
    refused('a negative size', [{ name: 'a', claimedSize: -1 }], /size/);
    refused('a size beyond what a number holds', [{ name: 'a', pax: { size: '99999999999999999999' } }], /size/);
    refused('a size that is not octal', [{ name: 'a', tamper: (header) => header.write('9', 124) }], /size.*entry "a"/);
    refused('a negative owner', [{ name: 'a', uid: -1 }], /uid/);
    refused('an owner beyond 32 bits', [{ name: 'a', pax: { uid: '4294967295' } }], /owner/);
    refused(
      'content of a symbolic link',
      [{ name: 'a', type: '2', linkName: 'b', content: 'x' }],
      /symlink cannot have 1 bytes/,
    );
    refused('a lying size', [{ name: 'a', content: 'x', claimedSize: 4096 }, { name: 'b' }], /truncated/);
    refused('an entry without a name', [{ name: '' }], /no name/);
    refused('unknown types', [{ name: 'a', type: 'V' }], /type "V"/);
    refused(
      'two PAX headers for one entry',
      [extension('x', paxRecord('path', 'a')), { name: 'b', pax: { uid: '0' } }],
      /two "x" headers/,
    );
    refused(
      'a huge PAX header, unread',
      [extension('x', Buffer.alloc(0), (header) => header.write('77777777777\0', 124))],
      /larger than the limit/,
    );
    refused('an empty PAX header', [extension('x', Buffer.alloc(0))], /no valid size/);
    refused('a PAX record longer than its header', [extension('x', Buffer.from('99 path=a\n'))], /longer or shorter/);
    refused('a PAX record without a length', [extension('x', Buffer.from('x path=a\n'))], /no length/);
    refused('a PAX record without a value', [extension('x', Buffer.from('8 path\n\n'))], /longer or shorter/);
    refused('a NUL in a PAX name', [{ name: 'a', pax: { path: 'a\0b' } }], /NUL/);
    refused('one name for all', [extension('g', paxRecord('path', 'a')), { name: 'b' }], /global/);
    refused('a PAX header at the end', [extension('x', paxRecord('path', 'a'))], /ends after an extension/);
    it('an entry after the end', () =>
      refuses(Buffer.concat([END_OF_ARCHIVE.subarray(512), tarEntry({ name: 'a' }), END_OF_ARCHIVE]), /follows/));
    it('data after the end', () => refuses(Buffer.concat([buildTar([]), Buffer.from('x')]), /after its end/));
    it('a missing end', () => refuses(tarEntry({ name: 'a' }), /truncated/));
  });

  const item = fc.record({
    name: fc
      .uint8Array({ minLength: 1, maxLength: 260 })
      .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x61 : byte)))),
    content: fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)),
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: fc.integer({ min: 0, max: 0xffff_fffe }),
    mtime: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
  });

  it('sees the same, however the archive is cut into pieces (property)', () => {
    fc.assert(
      fc.property(
        fc.array(item, { maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 1500 }), { minLength: 1, maxLength: 5 }),
        (items, pieces) => {
          const archive = buildTar(items);
          const whole = read(archive);
          assert.deepEqual(read(archive, pieces), whole);
          assert.deepEqual(
            whole.map(({ entry, content }) => [
              Buffer.from(entry.name, 'latin1'),
              content,
              entry.mode,
              entry.uid,
              entry.seconds,
            ]),
            items.map(({ name, content, mode, uid, mtime }) => [name, content, mode, uid, mtime]),
          );
        },
      ),
      { numRuns: 200 },
    );
  });

  it('refuses or reads what was changed at random, and never fails otherwise (property)', () => {
    const archive = buildTar([
      { name: 'a', content: 'x'.repeat(600), pax: { path: 'p', mtime: '1.5' } },
      { name: 'l'.repeat(200), type: '2', linkName: 'b' },
    ]);
    const change = fc.record({
      at: fc.integer({ min: 0, max: archive.length - 1 }),
      byte: fc.integer({ min: 0, max: 255 }),
    });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const changed = Buffer.from(archive);
        for (const { at, byte } of changes) {
          changed[at] = byte;
          fixChecksum(changed, at);
        }
        try {
          read(changed);
        } catch (error) {
          assert.ok(error instanceof PodctlError && error.code === 'image-archive-invalid', String(error));
        }
      }),
      { numRuns: 500 },
    );
  });
});

/** Makes the checksum of the block right again, so that a change gets past it. */
function fixChecksum(archive: Buffer, at: number): void {
  const block = archive.subarray(at - (at % 512), at - (at % 512) + 512);
  if (block.length < 512 || block.toString('latin1', 257, 262) !== 'ustar') return;
  block.fill(' ', 148, 156);
  block.write(
    `${block
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
    'latin1',
  );
}
