/**
 * A Docker or OCI image on its way into the store: each layer read once, and verified, expanded, converted, hashed, stored and
 * rendered in that pass (twice if it has something unusual: quick-layer.ts); then the image itself, a small ACI that depends on
 * them. A layer that is there already is not read at all.
 */
import fs from 'node:fs';
import type { ImageId } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { inParallel } from '#kernel/in-parallel';
import type { ByteString } from '../../render/byte-string';
import type { LayerTree } from '../../render/layer-tree';
import { END_OF_ARCHIVE, memberHeader, paddingOf } from '../../render/tar-writer';
import type { ContentStore, NewImage, StoredImage } from '../../store/cas';
import type { Verification } from '../fetch/port';
import { decodeImageManifest } from '../manifest';
import type { ImageConfig } from './config';
import { readExtent } from './file-set';
import { type ConvertedLayer, type ImageOrigin, imageManifest, layerIdentity } from './manifest';
import type { BlobFile, Take } from './port';
import { QuickLayer } from './quick-layer';
import { type FilledTree, type LayerSource, type LayerTaker, type TakenLayer, takeLayer } from './take-layer';
import { ThoroughLayer } from './thorough-layer';

export interface ImportTarget {
  readonly images: ContentStore;
  /** The layer of this diff ID, converted before, if it is still there and can be relied on. */
  known(diffId: string): ImageId | undefined;
  /** Notes down what a layer became. */
  learn(diffId: string, id: ImageId): void;
  /** Begins the tree of a layer that is about to be read; without it nothing is rendered. */
  readonly tree?: (() => LayerTree) | undefined;
  /** A signal ends what is under way. */
  readonly signal?: AbortSignal | undefined;
}

export interface ImageInput {
  readonly config: ImageConfig;
  /** Lowest first. */
  readonly layers: readonly LayerSource[];
  readonly origin: ImageOrigin;
  /** For people: what was asked for. */
  readonly source: string;
  /** Of a signature of its manifest. */
  readonly verification?: Verification | undefined;
}

interface SyncedTree extends FilledTree {
  /** Whether it became durable; undefined: it is to be made so together with others. */
  readonly synced: Promise<boolean> | undefined;
}

/** Layers whose trees are filled. */
type Rendered = Map<ImageId, SyncedTree>;

/** Other threads expand, hash, write and render, two for each; more than these only need memory. */
const AT_ONCE = 3;

/** Bytes of a tree; smaller ones are made durable together, in one wait for the disk. */
const SYNC_FROM_BYTES = 16 * 1024 ** 2;

/** @throws PodctlError `image-*`, `decompressor-missing`, `interrupted`, and what the source throws */
export async function importImage(input: ImageInput, target: ImportTarget): Promise<StoredImage> {
  const { config, layers } = input;
  if (layers.length !== config.diffIds.length)
    throw new PodctlError(
      'image-document-invalid',
      `the manifest of the image has ${layers.length} layers, its configuration ${config.diffIds.length}`,
    );
  // Layers without content are often there several times.
  const once = new Map(layers.map((layer) => [layer.diffId, layer]));
  const ids = new Map<string, ImageId>();
  const rendered: Rendered = new Map();
  try {
    await inParallel([...once.values()], AT_ONCE, async (layer) => {
      ids.set(layer.diffId, target.known(layer.diffId) ?? (await importLayer(layer, input.source, target, rendered)));
    });
    const image = storeConverted(input, ids, target);
    await commitTrees(rendered);
    return image;
  } finally {
    await Promise.all([...rendered.values()].map(({ synced }) => synced));
    for (const { tree } of rendered.values()) tree.abandon();
  }
}

/** The image of layers that are in the store. */
function storeConverted(input: ImageInput, ids: ReadonlyMap<string, ImageId>, { images }: ImportTarget): StoredImage {
  const { layers, origin, config } = input;
  const converted = layers.map(({ diffId }): ConvertedLayer => {
    const id = ids.get(diffId);
    if (id === undefined) throw new PodctlError('internal', `layer ${diffId} was lost`);
    return { id, diffId };
  });
  const image = storeImage(imageManifest(origin, config, converted), input, images);
  // While no image had them, `image rm` of another image may have taken them away.
  const gone = converted.find(({ id }) => !images.has(id));
  if (gone === undefined) return image;
  throw new PodctlError('image-removed', `layer ${gone.diffId} was removed while its image was stored`);
}

/** One wait for the disk is enough for all: it is for everything on the file system. Trees that cannot be kept are made later. */
async function commitTrees(rendered: Rendered): Promise<void> {
  const waiting = [...rendered.values()].find(({ synced }) => synced === undefined);
  const allSynced = waiting?.tree.sync();
  for (const [id, { tree, layer, synced = allSynced }] of rendered) if (await synced) tree.commit(id, layer);
}

async function importLayer(
  layer: LayerSource,
  source: string,
  target: ImportTarget,
  rendered: Rendered,
): Promise<ImageId> {
  let blob: BlobFile | undefined;
  const attempt = async (taker: LayerTaker, read: (take: Take) => Promise<void>): Promise<ImageId | undefined> => {
    try {
      const taken = await takeLayer(layer, read, taker, { source, signal: target.signal });
      if (taken === undefined) return undefined;
      const id = commitLayer(layer, source, target, taker.image, taken);
      // Of no use any more: nobody has to wait until it is on the disk.
      blob?.release();
      blob = undefined;
      if (taken.filled !== undefined) rendered.set(id, withSync(taken.filled));
      return id;
    } finally {
      await taker.abandon();
    }
  };
  try {
    const quick = new QuickLayer(target.images.begin(), target.tree?.());
    const id = await attempt(quick, async (take) => {
      blob = await layer.read(take);
    });
    if (id !== undefined) return id;
    const thorough = new ThoroughLayer(target.images.begin(layer.size));
    const again = await attempt(thorough, (take) => readAgain(layer, blob, take));
    if (again !== undefined) return again;
    throw new PodctlError('internal', `layer ${layer.diffId} was given up`);
  } finally {
    blob?.release();
  }
}

async function readAgain(layer: LayerSource, blob: BlobFile | undefined, take: Take): Promise<void> {
  if (blob === undefined) {
    await layer.read(take);
    return;
  }
  const fd = fs.openSync(blob.path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
  try {
    await readExtent({ fd, offset: 0, size: layer.size }, take);
  } finally {
    fs.closeSync(fd);
  }
}

function commitLayer(
  { diffId }: LayerSource,
  source: string,
  target: ImportTarget,
  image: NewImage,
  { manifest }: TakenLayer,
): ImageId {
  const facts = { ...layerIdentity(diffId), source, verification: undefined, digest: diffId };
  const { id } = image.commit(manifest, facts);
  target.learn(diffId, id);
  return id;
}

/** Each is asked for once: after an error the kernel, asked again, would say that all is well. */
const withSync = (filled: FilledTree): SyncedTree => ({
  ...filled,
  synced: filled.layer.bytes >= SYNC_FROM_BYTES ? filled.tree.sync() : undefined,
});

function storeImage(manifest: Buffer, { origin, source, verification }: ImageInput, images: ContentStore): StoredImage {
  const { name, labels } = decodeImageManifest(manifest);
  const image = images.begin();
  try {
    for (const part of smallArchive(manifest)) image.write(part);
    const digest = origin.manifestDigest ?? origin.configDigest;
    return image.commit(manifest, { name, labels, source, verification, digest });
  } finally {
    image.abandon();
  }
}

/** An ACI without files. */
function smallArchive(manifest: Buffer): readonly Buffer[] {
  const none = '' as ByteString;
  const facts = { uid: 0, gid: 0, seconds: 0, nanoseconds: 0, linkName: none, xattrs: new Map<ByteString, Buffer>() };
  return [
    memberHeader({ ...facts, name: 'manifest' as ByteString, type: 'file', mode: 0o644, size: manifest.length }),
    manifest,
    paddingOf(manifest.length),
    memberHeader({ ...facts, name: 'rootfs/' as ByteString, type: 'directory', mode: 0o755, size: 0 }),
    END_OF_ARCHIVE,
  ];
}
