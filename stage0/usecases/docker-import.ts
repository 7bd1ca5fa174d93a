/** Converts what is not in the store yet: the sources, the store and its notes put together. */
import fs from 'node:fs';
import path from 'node:path';
import { errnoOf, PodctlError } from '#kernel/errors';
import { decodeConfig } from '../image/docker/config';
import { archivedImage, readLayer } from '../image/docker/docker-archive';
import { archiveFiles, directoryFiles, type FileSet } from '../image/docker/file-set';
import { type ImageInput, type ImportTarget, importImage } from '../image/docker/import';
import { openLayout } from '../image/docker/layout';
import { acIdentifier, localRepository, splitTag } from '../image/docker/names';
import { requireForPlatform } from '../image/docker/platform-choice';
import type { Digest, ImageSource } from '../image/docker/port';
import { acNameOf, formatReference, repositoryOf } from '../image/docker/registry/reference';
import { readConfig, resolveManifest } from '../image/docker/resolve';
import { type SpoolPort, seekable, spoolStdin } from '../image/docker/spool';
import type { LayerSource } from '../image/docker/take-layer';
import { openRegular } from '../image/fetch/file';
import type { Verification } from '../image/fetch/port';
import type { StoredImage } from '../store/cas';
import { temporaryOf } from '../store/temporary';
import { type DockerServices, type Place, recall, recallImage, remember, type Wish } from './docker-images';
import { interruptible } from './interruptible';

/** What an image is called: `host/path` and a tag. */
interface Called {
  readonly repository: string;
  readonly tag: string;
}

/** @throws PodctlError `image-*`, `decompressor-missing`, `interrupted` */
export const importPlace = (services: DockerServices, place: Place, wish: Wish): Promise<StoredImage> =>
  interruptible(wish.options, async ({ signal }) => {
    const files = await openFiles(services, place, signal);
    try {
      if (place.transport === 'docker-archive') return await fromArchive(services, files, place, { ...wish, signal });
      const layout = openLayout(files);
      const called = calledIn(place, layout.nameOf(place.selection));
      const source = `${place.transport}:${place.path}`;
      const name = acIdentifier(called.repository, 'image');
      return await importFrom(services, layout, place.selection, { ...wish, called, name, source, signal });
    } finally {
      files.close();
    }
  });

/** @throws PodctlError `fetch-*`, `registry-*`, `image-*`, `config-invalid`, `decompressor-missing`, `interrupted` */
export const importReference = (services: DockerServices, written: string, wish: Wish): Promise<StoredImage> =>
  interruptible(wish.options, async (interruption) => {
    const { observe, policy } = wish.options;
    const { reference, source, verify } = await services.registry(written, { ...interruption, observe, policy });
    try {
      const called = { repository: repositoryOf(reference), tag: reference.tag ?? reference.digest ?? 'latest' };
      const shown = `docker://${formatReference(reference)}`;
      const signed = policy === 'signed' ? { verify } : {};
      const names = { called, name: acNameOf(reference), source: shown, ...signed };
      return await importFrom(services, source, undefined, { ...wish, ...names, signal: interruption.signal });
    } finally {
      source.close();
    }
  });

async function openFiles(
  services: DockerServices,
  { transport, path: file }: Place,
  signal: AbortSignal,
): Promise<FileSet> {
  if (transport === 'oci') {
    try {
      if (fs.statSync(file).isDirectory()) return directoryFiles(file);
    } catch (cause) {
      if (errnoOf(cause) === undefined) throw cause;
      throw new PodctlError('image-file-unreadable', `there is no directory ${file}`, { position: file, cause });
    }
    throw new PodctlError('image-file-unreadable', `${file} is not a directory`, { hint: 'is it oci-archive: ?' });
  }
  const port: SpoolPort = { nameless: () => nameless(services), signal };
  const fd = file === '-' ? await spoolStdin(port) : await seekable(openRegular(file, 'image'), port);
  try {
    return archiveFiles(fd);
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

function nameless({ dataDir }: DockerServices): number {
  const temporary = temporaryOf(dataDir);
  const directory = temporary.create(0o700);
  try {
    return fs.openSync(`${directory.path}/archive`, 'wx+', 0o600);
  } finally {
    temporary.discard(directory);
  }
}

/** The tag of a layout says most often only the tag. */
function calledIn({ path: place, selection }: Place, said: string | undefined): Called {
  const file = place === '-' ? 'image' : path.basename(path.resolve(place));
  const name = said ?? selection;
  const isWhole = name !== undefined && /[/:]/.test(name);
  const { repository, tag } = isWhole ? splitTag(name) : { repository: undefined, tag: name };
  return { repository: localRepository(repository, file), tag: tag ?? 'latest' };
}

interface Conversion extends Wish {
  readonly called: Called;
  /** Of the ACI. */
  readonly name: string;
  /** For people. */
  readonly source: string;
  readonly signal: AbortSignal;
}

interface SourceWish extends Conversion {
  /** Demands a signature of one of these documents; undefined: none is needed. */
  readonly verify?: (digests: readonly Digest[]) => Promise<Verification>;
}

/** An image as its source has it. */
interface Found {
  /** Undefined: the source has no manifests. */
  readonly manifestDigest: Digest | undefined;
  readonly configDigest: Digest;
  /** Of the manifest. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly verification: Verification | undefined;
  readonly layers: readonly Omit<LayerSource, 'diffId'>[];
  config(): Promise<Buffer>;
}

/** @param reference as ImageSource.document() takes it @throws PodctlError as importPlace(), and what the source throws */
export async function importFrom(
  services: DockerServices,
  source: ImageSource,
  reference: string | undefined,
  { verify, ...wish }: SourceWish,
): Promise<StoredImage> {
  const { document, image, digests } = await resolveManifest(source, reference, wish.platform);
  const found: Found = {
    manifestDigest: document.digest,
    configDigest: image.config.digest,
    annotations: image.annotations,
    verification: await verify?.(digests),
    layers: image.layers.map((layer) => ({ size: layer.size, read: (take) => source.blob(layer, take) })),
    config: () => readConfig(source, image.config),
  };
  return convert(services, found, wish);
}

function fromArchive(
  services: DockerServices,
  files: FileSet,
  place: Place,
  wish: Wish & Pick<Conversion, 'signal'>,
): Promise<StoredImage> {
  const { name: said, config, configDigest, layers } = archivedImage(files, place.selection);
  const called = calledIn({ ...place, selection: undefined }, said);
  const found: Found = {
    manifestDigest: undefined,
    configDigest,
    annotations: {},
    verification: undefined,
    layers: layers.map((layer) => ({ size: layer.size, read: (take) => readLayer(layer, take) })),
    config: async () => config,
  };
  const name = acIdentifier(called.repository, 'image');
  return convert(services, found, { ...wish, called, name, source: `docker-archive:${place.path}` });
}

async function convert(
  services: DockerServices,
  { manifestDigest, configDigest, annotations, verification, layers, config: read }: Found,
  { platform, called, name, source, signal, options }: Conversion,
): Promise<StoredImage> {
  const what = [manifestDigest ?? configDigest, called.repository, called.tag, options.platform ?? null];
  const note = `image:${JSON.stringify(what)}`;
  // One that is stored takes over the verification when it is stored again.
  const known = verification === undefined ? recallImage(services, note) : undefined;
  if (known !== undefined) {
    services.images.touch(known.id);
    return known;
  }
  const config = decodeConfig(await read());
  if (options.platform !== undefined) requireForPlatform(config, platform);
  const input: ImageInput = {
    config,
    layers: layers.map((layer, index) => ({ ...layer, diffId: config.diffIds[index] ?? '' })),
    origin: { name, ...called, manifestDigest, configDigest, annotations },
    source,
    verification,
  };
  const image = await importImage(input, await targetOf(services, signal, options.render === true));
  options.observe({ event: 'stored', url: source, id: image.id, name: image.name, size: image.size });
  remember(services, note, image);
  return image;
}

/** @param render whether layers are rendered while they come in: they are to be run now, by root */
async function targetOf(services: DockerServices, signal: AbortSignal, render: boolean): Promise<ImportTarget> {
  const { images, trees } = services;
  const rendering = render && process.geteuid?.() === 0 ? await import('../render/layer-tree.js') : undefined;
  return {
    images,
    signal,
    tree: rendering && (() => new rendering.LayerTree(trees)),
    known: (diffId) => {
      const layer = recall(services, `layer:${diffId}`);
      if (layer?.digest !== diffId) return undefined;
      images.touch(layer.id);
      return layer.id;
    },
    learn: (diffId, id) => remember(services, `layer:${diffId}`, { id }),
  };
}
