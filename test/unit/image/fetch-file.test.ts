import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { fetchFile } from '../../../stage0/image/fetch/file';
import { DirectoryStore } from '../../../stage0/store/cas-dir';
import { SourceCache } from '../../../stage0/store/source-cache';
import { type AciCompression, buildAci, compress, imageIdOf } from '../../fixtures/aci';
import { rejectsCode } from '../../fixtures/expect';
import { scratchDirectory } from '../../fixtures/scratch';
import { buildTar, type TarItem } from '../../fixtures/tar-writer';

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

  it('A2 refuses the same entry twice, however it is written', async () => {
    for (const again of ['rootfs/a', './rootfs/a', 'rootfs//a', 'rootfs/./a', 'rootfs/a/']) {
      const tar = buildAci({
        files: [{ name: 'rootfs/' }, file('rootfs/a'), file(again, again.endsWith('/') ? { content: '' } : {})],
      });
      await rejectsCode('image-entry-duplicate', fetchUnsigned(tar), /is there twice/);
    }
    for (const more of ['manifest', './manifest']) {
      await rejectsCode('image-entry-duplicate', fetchUnsigned(buildAci({ files: [file(more)] })), /manifest/);
    }
  });

  // What else is in a hostile image is refused in hostile.test.ts.
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
  });
}).timeout(30_000);
