import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import type { ErrorCode } from '#kernel/error-table';
import { fetchFile } from '../../../stage0/image/fetch/file';
import { DirectoryStore } from '../../../stage0/store/cas-dir';
import { SourceCache } from '../../../stage0/store/source-cache';
import { type AciCompression, buildAci, compress, imageIdOf } from '../../fixtures/aci';
import { rejectsCode } from '../../fixtures/expect';
import { scratchDirectory } from '../../fixtures/scratch';
import { buildTar, END_OF_ARCHIVE, type TarItem, tarEntry } from '../../fixtures/tar-writer';

const file = (name: string, more: Partial<TarItem> = {}): TarItem => ({ name, content: 'x', ...more });

describe('fetching an image from a file', () => {
  const scratch = scratchDirectory();
  const stores = () => ({ images: new DirectoryStore(scratch()), sources: new SourceCache(scratch()) });
  const save = (content: Buffer): string => {
    const path = `${scratch()}/image.aci`;
    fs.writeFileSync(path, content);
    return path;
  };
  const fetchUnsigned = (content: Buffer) => fetchFile({ path: save(content), signature: { kind: 'none' } }, stores());

  /** Everything below the store, so that "nothing left" can be said in one line. */
  const leftovers = (): readonly string[] =>
    ['images', 'tmp', 'trees', 'sources'].flatMap((room) => {
      const path = `${scratch()}/${room}`;
      return fs.existsSync(path) ? fs.readdirSync(path).map((name) => `${room}/${name}`) : [];
    });

  const refuses = async (code: ErrorCode, content: Buffer, text?: RegExp): Promise<void> => {
    await rejectsCode(code, fetchUnsigned(content), text);
    assert.deepEqual(leftovers(), []);
  };

  for (const compression of ['none', 'gzip', 'xz', 'bzip2', 'zstd'] as const satisfies readonly AciCompression[]) {
    it(`A5 A11 ${compression}: the id is the sha512 of the uncompressed tar`, async () => {
      const tar = buildAci({
        files: [{ name: 'rootfs/' }, file('rootfs/a', { content: Buffer.alloc(300_000, 'podctl') })],
      });
      const image = await fetchUnsigned(compress(tar, compression));
      assert.equal(image.id, imageIdOf(tar));
      const stored = fs.readFileSync(`${scratch()}/images/${image.id}/image.tar`);
      assert.equal(createHash('sha512').update(stored).digest('hex'), image.id.slice('sha512-'.length));
      assert.equal(image.name, 'example.com/test');
      assert.deepEqual(fs.readdirSync(`${scratch()}/tmp`), []);
    });
  }

  it('entries named ./manifest and ./rootfs mean the same', async () => {
    const tar = buildTar([
      { name: './' },
      { name: './manifest', content: '{"acKind":"ImageManifest","acVersion":"0.8.11","name":"a.b/c"}' },
      { name: './rootfs/' },
    ]);
    assert.equal((await fetchUnsigned(tar)).name, 'a.b/c');
  });

  describe('refuses, and leaves nothing behind:', () => {
    it('a file that does not exist', () =>
      rejectsCode(
        'image-file-unreadable',
        fetchFile({ path: `${scratch()}/none`, signature: { kind: 'none' } }, stores()),
        /does not exist/,
      ));
    it('a directory', () =>
      rejectsCode(
        'image-file-unreadable',
        fetchFile({ path: scratch(), signature: { kind: 'none' } }, stores()),
        /regular/,
      ));
    it('an empty file', () => refuses('image-archive-invalid', Buffer.alloc(0), /empty/));
    it('not a tar', () => refuses('image-archive-invalid', Buffer.from('hello '.repeat(500)), /not a tar/));
    it('A12 no manifest', () => refuses('image-manifest-missing', buildAci({ rawManifest: null })));
    it('A3 no rootfs', () => refuses('image-layout-invalid', buildAci({ files: [] }), /rootfs/));
    it('A12 a manifest that is not JSON', () =>
      refuses(
        'image-manifest-invalid',
        buildAci({ rawManifest: '{\n "acKind": oops' }),
        /line 2, column 12 is not JSON/,
      ));
    it('B1 a manifest of another kind', () =>
      refuses('image-manifest-invalid', buildAci({ manifest: { acKind: 'PodManifest' } }), /acKind/));
    it('A3 a manifest that is a symlink', () =>
      refuses(
        'image-layout-invalid',
        buildAci({ rawManifest: null, files: [{ name: 'manifest', type: '2', linkName: '/etc/passwd' }] }),
      ));
    it('A3 a rootfs that is a symlink', () =>
      refuses('image-layout-invalid', buildAci({ files: [{ name: 'rootfs', type: '2', linkName: '/' }] })));
    it('A3 anything else at the top', () =>
      refuses('image-layout-invalid', buildAci({ files: [{ name: 'rootfs/' }, file('extra')] }), /extra/));
    it('A2 the same entry twice', () =>
      refuses('image-entry-duplicate', buildAci({ files: [file('rootfs/a'), file('rootfs/./a')] }), /rootfs\/\.\/a/));
    it('A2 two manifests', () => refuses('image-entry-duplicate', buildAci({ files: [file('./manifest')] })));
    it('..', () => refuses('image-path-escape', buildAci({ files: [file('rootfs/../../etc/cron.d/x')] }), /cron/));
    it('an absolute name', () => refuses('image-path-absolute', buildAci({ files: [file('/etc/passwd')] }), /passwd/));
    it('an entry below a symlink', () =>
      refuses(
        'image-symlink-escape',
        buildAci({ files: [{ name: 'rootfs/e', type: '2', linkName: '/etc' }, file('rootfs/e/passwd')] }),
        /e\/passwd/,
      ));
    it('an entry deep below a symlink', () =>
      refuses(
        'image-symlink-escape',
        buildAci({ files: [{ name: 'rootfs/e', type: '2', linkName: '/' }, file('rootfs/e/a/b/c')] }),
      ));
    it('a symlink over a directory with entries', () =>
      refuses(
        'image-symlink-escape',
        buildAci({ files: [file('rootfs/e/passwd'), { name: 'rootfs/e', type: '2', linkName: '/etc' }] }),
      ));
    it('an entry below a hard link to a symlink', () =>
      refuses(
        'image-symlink-escape',
        buildAci({
          files: [
            { name: 'rootfs/e', type: '2', linkName: '/etc' },
            { name: 'rootfs/h', type: '1', linkName: 'rootfs/e' },
            file('rootfs/h/x'),
          ],
        }),
      ));
    it('an entry below a file', () =>
      refuses('image-archive-invalid', buildAci({ files: [file('rootfs/a'), file('rootfs/a/b')] }), /no directory/));
    for (const target of ['/etc/shadow', '../../etc/shadow', 'rootfs/later', 'manifest', 'rootfs', '']) {
      it(`a hard link to "${target}"`, () =>
        refuses(
          'image-hardlink-escape',
          buildAci({
            files: [{ name: 'rootfs/' }, { name: 'rootfs/h', type: '1', linkName: target }, file('rootfs/later')],
          }),
          /rootfs\/h/,
        ));
    }
    it('a character device', () =>
      refuses(
        'image-device-refused',
        buildAci({ files: [{ name: 'rootfs/sda', type: '3', major: 8, minor: 0 }] }),
        /sda/,
      ));
    it('a block device', () =>
      refuses('image-device-refused', buildAci({ files: [{ name: 'rootfs/sda', type: '4', major: 8, minor: 0 }] })));
    it('attributes of overlayfs', () =>
      refuses(
        'image-xattr-refused',
        buildAci({ files: [file('rootfs/a', { pax: { 'SCHILY.xattr.trusted.overlay.redirect': '/etc' } })] }),
      ));
    it('a decompression bomb', async function () {
      this.timeout(20_000);
      const size = 320 * 1024 ** 2;
      const head = buildAci({ files: [{ name: 'rootfs/' }, file('rootfs/zeros', { content: '', claimedSize: size })] });
      const zeros = compress(Buffer.alloc(16 * 1024 ** 2), 'gzip');
      const bomb = [compress(head.subarray(0, -END_OF_ARCHIVE.length), 'gzip'), ...Array<Buffer>(20).fill(zeros)];
      await refuses('image-too-large', Buffer.concat(bomb), /expands/);
    });
    it('a manifest of 2 MiB', () =>
      refuses('image-manifest-invalid', buildAci({ rawManifest: Buffer.alloc(2 * 1024 ** 2, 0x20) }), /larger/));

    for (const compression of ['none', 'gzip', 'xz', 'bzip2', 'zstd'] as const) {
      it(`a ${compression} file cut short`, async () => {
        const whole = compress(
          buildAci({ files: [file('rootfs/a', { content: 'podctl'.repeat(50_000) })] }),
          compression,
        );
        await refuses('image-archive-invalid', whole.subarray(0, Math.floor(whole.length * 0.6)), /truncated/);
      });
    }
    it('a tar without its end marker', () =>
      refuses(
        'image-archive-invalid',
        buildTar([{ name: 'manifest', content: '{}' }, { name: 'rootfs/' }], Buffer.alloc(0)),
        /truncated/,
      ));
    it('data after the end', () =>
      refuses(
        'image-archive-invalid',
        Buffer.concat([buildAci(), tarEntry(file('rootfs/x')), END_OF_ARCHIVE]),
        /after its end/,
      ));
  });
}).timeout(30_000);
