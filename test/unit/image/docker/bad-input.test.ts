/** What is wrong with Docker and OCI images: a code each, and nothing left in the store that could be run. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import type { ErrorCode } from '#kernel/error-table';
import type { Transport } from '../../../../stage0/image/reference';
import { compress } from '../../../fixtures/aci';
import { GOOD } from '../../../fixtures/docker-hostile/case';
import { DOCUMENTS } from '../../../fixtures/docker-hostile/documents';
import { LAYERS } from '../../../fixtures/docker-hostile/layers';
import { DockerStore } from '../../../fixtures/docker-store';
import { rejectsCode } from '../../../fixtures/expect';
import { configOf, dockerArchive, flip, layer, layoutOf, sha256 } from '../../../fixtures/oci';
import { scratchDirectory } from '../../../fixtures/scratch';
import { buildTar, END_OF_ARCHIVE, type TarItem, tarEntry } from '../../../fixtures/tar-writer';

const hex = (digest: string): string => digest.slice('sha256:'.length);

describe('bad Docker and OCI images', () => {
  const scratch = scratchDirectory();
  let store: DockerStore;
  beforeEach(() => {
    fs.mkdirSync(`${scratch()}/store`);
    store = new DockerStore(`${scratch()}/store` as ReturnType<typeof scratch>);
  });
  const write = (bytes: Buffer): string => {
    fs.writeFileSync(`${scratch()}/archive`, bytes);
    return `${scratch()}/archive`;
  };
  const refused = async (code: ErrorCode, transport: Transport, place: string, text: RegExp): Promise<void> => {
    await rejectsCode(code, store.fetch(transport, place), text);
    const left = ['tmp', 'remotes'].flatMap((room) => {
      const path = `${scratch()}/store/${room}`;
      return fs.existsSync(path) ? fs.readdirSync(path) : [];
    });
    assert.deepEqual([left, store.images.list()], [[], []]);
  };

  for (const { name, code, text, layout, selection } of [...DOCUMENTS, ...LAYERS]) {
    it(name, async () => {
      const place = layout().write(`${scratch()}/layout`);
      await refused(code, 'oci', selection === undefined ? place : `${place}:${selection}`, text);
    });
  }

  it('what is none of the things it is called', async () => {
    fs.mkdirSync(`${scratch()}/empty`);
    await refused('image-document-invalid', 'oci', `${scratch()}/empty`, /no index\.json/);
    await refused('image-file-unreadable', 'oci', `${scratch()}/nowhere`, /no directory/);
    await refused('image-file-unreadable', 'oci-archive', `${scratch()}/nowhere:tag`, /does not exist/);
    await refused('image-document-invalid', 'docker-archive', write(layoutOf(GOOD).archive()), /no manifest\.json/);
    await refused('image-archive-invalid', 'oci-archive', write(Buffer.alloc(5000, 'x')), /not a tar/);
    await refused(
      'image-archive-invalid',
      'docker-archive',
      write(compress(Buffer.alloc(5000, 'x'), 'gzip').subarray(0, 30)),
      /truncated/,
    );
    await refused(
      'image-media-type',
      'docker-archive',
      write(buildTar([{ name: 'repositories', content: '{}' }])),
      /1\.10/,
    );
  });

  it('archives of docker save with something wrong', async () => {
    const config = configOf(GOOD);
    const archive = (entry: object, ...items: readonly TarItem[]): string =>
      write(buildTar([...items, { name: 'manifest.json', content: JSON.stringify([entry]) }]));
    const image = { name: 'c.json', content: config };
    const missing = { Config: 'c.json', Layers: ['gone.tar'] };
    await refused('image-document-invalid', 'docker-archive', archive(missing, image), /gone\.tar/);
    const loop = [
      { name: 'x', type: '2', linkName: 'y' },
      { name: 'y', type: '2', linkName: 'x' },
    ];
    await refused(
      'image-archive-invalid',
      'docker-archive',
      archive({ Config: 'c.json', Layers: ['x'] }, image, ...loop),
      /circle/,
    );
    const out = { name: 'x', type: '2', linkName: '../../../etc/passwd' };
    await refused(
      'image-document-invalid',
      'docker-archive',
      archive({ Config: 'c.json', Layers: ['x'] }, image, out),
      /has no "x"/,
    );
    const named = { name: `${hex(sha256('other'))}.json`, content: config };
    await refused(
      'image-digest-mismatch',
      'docker-archive',
      archive({ Config: named.name, Layers: [] }, named),
      /configuration/,
    );
    const other = { name: 'l.tar', content: buildTar([{ name: 'other', content: '' }]) };
    await refused(
      'image-digest-mismatch',
      'docker-archive',
      archive({ Config: 'c.json', Layers: ['l.tar'] }, image, other),
      /expands to/,
    );
    const many = { Config: 'c.json', Layers: Array(10_000).fill('l.tar') };
    await refused('image-too-large', 'docker-archive', archive(many, image, other), /10000 layers/);
    await refused(
      'image-tag-unknown',
      'docker-archive',
      write(
        dockerArchive([
          { ...GOOD, tags: ['a:1'] },
          { ...GOOD, tags: [] },
        ]),
      ),
      /"a:1", "@1"/,
    );
  });

  it('keeps the layers that were right, and needs only the others the next time', async () => {
    const good = layer([{ name: 'good', content: 'good' }]);
    const bad = layer([{ name: 'later', content: 'later' }]);
    const layout = layoutOf({ layers: [good, bad] });
    const place = layout.write(`${scratch()}/layout`);
    const file = `${place}/blobs/sha256/${hex(sha256(bad.tar))}`;
    fs.writeFileSync(file, flip(bad.tar));
    await rejectsCode('image-digest-mismatch', store.fetch('oci', place));
    fs.writeFileSync(file, bad.tar);
    fs.rmSync(`${place}/blobs/sha256/${hex(sha256(good.tar))}`);
    assert.equal((await store.fetch('oci', place)).name, 'localhost/layout');
  });

  it('a layer without an end, or without anything, is one all the same', async () => {
    const open = tarEntry({ name: 'a', content: 'a' });
    await store.fetch(
      'oci',
      layoutOf({ layers: [{ tar: open }, { tar: Buffer.alloc(0) }, { tar: END_OF_ARCHIVE }] }).write(
        `${scratch()}/layout`,
      ),
    );
  });
}).timeout(60_000);
