/** What is wrong with Docker and OCI images: a code each, and nothing left in the store that could be run. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import type { ErrorCode } from '#kernel/error-table';
import type { Transport } from '../../../../stage0/image/reference';
import { compress } from '../../../fixtures/aci';
import { DockerStore } from '../../../fixtures/docker-store';
import { rejectsCode } from '../../../fixtures/expect';
import {
  configOf,
  dockerArchive,
  INDEX,
  layer,
  layoutOf,
  sha256,
  type TestImage,
  TestLayout,
} from '../../../fixtures/oci';
import { scratchDirectory } from '../../../fixtures/scratch';
import { buildTar, END_OF_ARCHIVE, type TarItem, tarEntry } from '../../../fixtures/tar-writer';

const GOOD: TestImage = { layers: [layer([{ name: 'a', content: 'a' }])] };
const hex = (digest: string): string => digest.slice('sha256:'.length);

/** Everything right but one layer's content. */
const withItems = (...items: readonly TarItem[]): TestLayout => layoutOf({ layers: [layer(items)] });

/** A blob of the layout with other bytes than its digest. */
function tampered(
  layout: TestLayout,
  pick: (content: string) => boolean,
  change: (bytes: Buffer) => Buffer,
): TestLayout {
  for (const [digest, content] of layout.blobs)
    if (pick(content.toString('latin1'))) layout.blobs.set(digest, change(content));
  return layout;
}
const flip = (bytes: Buffer): Buffer => Buffer.concat([bytes.subarray(0, -1), Buffer.from([(bytes.at(-1) ?? 0) ^ 1])]);
const isManifest = (content: string): boolean => content.includes('"layers":[');
const isConfig = (content: string): boolean => content.includes('diff_ids');
const isLayer = (content: string): boolean => content.includes('ustar');

const withManifest = (change: (manifest: Record<string, unknown>) => object): TestLayout => {
  const layout = new TestLayout();
  return layout.add(layout.image(GOOD, change));
};

function nested(depth: number): TestLayout {
  const layout = new TestLayout();
  let entry: object = layout.image(GOOD);
  for (let level = 0; level < depth; level += 1) entry = layout.index([entry]);
  return layout.add(entry);
}

const platforms = (...written: readonly string[]): TestLayout => {
  const layout = new TestLayout();
  const entries = written.map((one) => {
    const [os, architecture, variant] = one.split('/');
    return { ...layout.image({ ...GOOD, more: { author: one } }), platform: { os, architecture, variant } };
  });
  return layout.add(layout.index(entries));
};

interface Case {
  readonly name: string;
  readonly code: ErrorCode;
  readonly text: RegExp;
  readonly layout: () => TestLayout;
  /** Behind the directory. */
  readonly selection?: string;
}

const CASES: readonly Case[] = [
  {
    name: 'a layer with another digest',
    code: 'image-digest-mismatch',
    text: /has the digest/,
    layout: () =>
      tampered(layoutOf(GOOD), isLayer, (bytes) =>
        Buffer.concat([bytes.subarray(0, 512), Buffer.from('b'), bytes.subarray(513)]),
      ),
  },
  {
    name: 'a configuration with another digest',
    code: 'image-digest-mismatch',
    text: /digest/,
    layout: () => tampered(layoutOf(GOOD), isConfig, flip),
  },
  {
    name: 'a manifest with another digest',
    code: 'image-digest-mismatch',
    text: /a manifest has/,
    layout: () => tampered(layoutOf(GOOD), isManifest, (bytes) => Buffer.concat([bytes, Buffer.from(' ')])),
  },
  {
    name: 'a layer that is shorter than it should be',
    code: 'image-digest-mismatch',
    text: /1024 bytes/,
    layout: () => tampered(layoutOf(GOOD), isLayer, (bytes) => bytes.subarray(0, 1024)),
  },
  {
    name: 'a layer that is longer than it should be',
    code: 'image-digest-mismatch',
    text: /bytes, its manifest says/,
    layout: () => tampered(layoutOf(GOOD), isLayer, (bytes) => Buffer.concat([bytes, bytes])),
  },
  {
    name: 'a layer that expands to something else',
    code: 'image-digest-mismatch',
    text: /expands to/,
    layout: () => layoutOf({ ...GOOD, more: { rootfs: { type: 'layers', diff_ids: [sha256('other')] } } }),
  },
  {
    name: 'fewer layers in the configuration',
    code: 'image-document-invalid',
    text: /1 layers, its configuration 0/,
    layout: () => layoutOf({ ...GOOD, more: { rootfs: { type: 'layers', diff_ids: [] } } }),
  },
  {
    name: 'a blob that is missing',
    code: 'image-document-invalid',
    text: /blobs\/sha256/,
    layout: () => {
      const layout = layoutOf(GOOD);
      for (const [digest, content] of layout.blobs)
        if (isLayer(content.toString('latin1'))) layout.blobs.delete(digest);
      return layout;
    },
  },
  {
    name: 'a manifest of schema 1',
    code: 'image-media-type',
    text: /schema 1/,
    layout: () => withManifest(() => ({ schemaVersion: 1, name: 'x', fsLayers: [] })),
  },
  {
    name: 'an artifact',
    code: 'image-media-type',
    text: /no container image/,
    layout: () =>
      withManifest((manifest) => ({
        ...manifest,
        config: { ...(manifest['config'] as object), mediaType: 'application/vnd.cncf.helm.config.v1+json' },
      })),
  },
  {
    name: 'an encrypted layer',
    code: 'image-media-type',
    text: /encrypted/,
    layout: () =>
      withManifest((manifest) => ({
        ...manifest,
        layers: [
          {
            ...((manifest['layers'] as object[])[0] ?? {}),
            mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip+encrypted',
          },
        ],
      })),
  },
  {
    name: 'a manifest that is an index, too',
    code: 'image-media-type',
    text: /both/,
    layout: () => withManifest((manifest) => ({ ...manifest, manifests: [] })),
  },
  {
    name: 'an index that says it is a manifest',
    code: 'image-media-type',
    text: /both/,
    layout: () => {
      const layout = platforms('linux/amd64');
      const [entry] = layout.manifests;
      layout.manifests = [{ ...entry, mediaType: 'application/vnd.oci.image.manifest.v1+json' }];
      return layout;
    },
  },
  {
    name: 'a manifest that is no JSON',
    code: 'image-document-invalid',
    text: /JSON/,
    layout: () => {
      const layout = new TestLayout();
      return layout.add(layout.blob('{', INDEX));
    },
  },
  {
    name: 'a manifest nested too deep',
    code: 'image-document-invalid',
    text: /nested/,
    layout: () => {
      const layout = new TestLayout();
      return layout.add(layout.blob(`{"a":${'['.repeat(100)}${']'.repeat(100)}}`, INDEX));
    },
  },
  {
    name: 'a digest with a way out',
    code: 'image-document-invalid',
    text: /sha256/,
    layout: () =>
      withManifest((manifest) => ({
        ...manifest,
        layers: [
          { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: 'sha256:../../../../etc/passwd', size: 1 },
        ],
      })),
  },
  {
    name: '10,000 layers',
    code: 'image-too-large',
    text: /10000 layers/,
    layout: () =>
      withManifest((manifest) => ({ ...manifest, layers: Array(10_000).fill((manifest['layers'] as object[])[0]) })),
  },
  {
    name: 'indexes that lead from one to the next',
    code: 'image-document-invalid',
    text: /indexes/,
    layout: () => nested(20),
  },
  {
    name: 'an index without the platform',
    code: 'image-platform-missing',
    text: /linux\/arm\/v6, plan9\/amd64/,
    layout: () => platforms('linux/arm/v6', 'plan9/amd64'),
  },
  {
    name: 'a tag that is not there',
    code: 'image-tag-unknown',
    text: /"v1"/,
    layout: () => layoutOf(GOOD, 'v1'),
    selection: 'v2',
  },
  {
    name: 'several images and no tag',
    code: 'image-tag-unknown',
    text: /"a", "b"/,
    layout: () => {
      const layout = layoutOf(GOOD, 'a');
      return layout.add(layout.image({ layers: [] }), 'b');
    },
  },
  {
    name: 'a layer that is no archive',
    code: 'image-archive-invalid',
    text: /not a tar/,
    layout: () => layoutOf({ layers: [{ tar: Buffer.alloc(2048, 'no archive ') }] }),
  },
  {
    name: 'a layer cut in an entry',
    code: 'image-archive-invalid',
    text: /truncated/,
    layout: () => layoutOf({ layers: [{ tar: tarEntry({ name: 'a', content: 'x'.repeat(1000) }).subarray(0, 1024) }] }),
  },
  {
    name: 'a bomb',
    code: 'image-too-large',
    text: /expands to more/,
    layout: () =>
      layoutOf({
        layers: [{ tar: buildTar([{ name: 'zeros', content: Buffer.alloc(300 * 1024 * 1024) }]), compression: 'gzip' }],
      }),
  },
  {
    name: 'an entry that leads out',
    code: 'image-path-escape',
    text: /\.\./,
    layout: () => withItems({ name: 'a/../../etc/passwd', content: '' }),
  },
  {
    name: 'an entry below a link',
    code: 'image-symlink-escape',
    text: /below/,
    layout: () => withItems({ name: 'a', type: '2', linkName: '/etc' }, { name: 'a/passwd', content: '' }),
  },
  {
    name: 'a whiteout below a link',
    code: 'image-symlink-escape',
    text: /below/,
    layout: () => withItems({ name: 'a', type: '2', linkName: '/etc' }, { name: 'a/.wh.passwd' }),
  },
  {
    name: 'a whiteout of ..',
    code: 'image-path-escape',
    text: /whiteout of no entry/,
    layout: () => withItems({ name: 'a/.wh...' }),
  },
  {
    name: 'a whiteout of .',
    code: 'image-path-escape',
    text: /whiteout of no entry/,
    layout: () => withItems({ name: '.wh..' }),
  },
  {
    name: 'a whiteout of nothing',
    code: 'image-path-escape',
    text: /whiteout of no entry/,
    layout: () => withItems({ name: 'a/.wh.' }),
  },
  {
    name: 'a whiteout with something below',
    code: 'image-layout-invalid',
    text: /below a whiteout/,
    layout: () => withItems({ name: '.wh.a/b', content: '' }),
  },
  {
    name: 'a whiteout that is a directory',
    code: 'image-layout-invalid',
    text: /directory/,
    layout: () => withItems({ name: 'a/.wh.b/' }),
  },
  {
    name: 'a hard link that leads out',
    code: 'image-path-escape',
    text: /\.\./,
    layout: () => withItems({ name: 'a', type: '1', linkName: '../../etc/passwd' }),
  },
  {
    name: 'a hard link to a directory',
    code: 'image-hardlink-escape',
    text: /no file/,
    layout: () => withItems({ name: 'd/' }, { name: 'a', type: '1', linkName: 'd' }),
  },
  {
    name: 'a device',
    code: 'image-device-refused',
    text: /8:0/,
    layout: () => withItems({ name: 'disk', type: '4', major: 8 }),
  },
  {
    name: 'a whiteout of overlayfs',
    code: 'image-device-refused',
    text: /0:0/,
    layout: () => withItems({ name: 'etc', type: '3' }),
  },
  {
    name: 'an attribute of overlayfs',
    code: 'image-xattr-refused',
    text: /trusted\.overlay/,
    layout: () => withItems({ name: 'd/', pax: { 'SCHILY.xattr.trusted.overlay.redirect': '/etc' } }),
  },
  {
    name: 'a file in the place of a directory',
    code: 'image-entry-duplicate',
    text: /twice/,
    layout: () => withItems({ name: 'd/' }, { name: 'd', content: '' }),
  },
];

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

  for (const { name, code, text, layout, selection } of CASES) {
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
