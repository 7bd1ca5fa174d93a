/** Converts what is not in the store yet: the sources, the store and its notes put together. */
import fs from 'node:fs';
import path from 'node:path';
import { errnoOf, PodctlError } from '#kernel/errors';
import { decodeConfig } from '../image/docker/config';
import { archivedImage, readLayer } from '../image/docker/docker-archive';
import { archiveFiles, directoryFiles, type FileSet } from '../image/docker/file-set';
import { type ImageInput, type ImportTarget, importImage, type LayerSource } from '../image/docker/import';
import { openLayout } from '../image/docker/layout';
import { acIdentifier, localRepository, splitTag } from '../image/docker/names';
import { requireForPlatform } from '../image/docker/platform-choice';
import type { Digest, ImageSource } from '../image/docker/port';
import { acNameOf, formatReference, repositoryOf } from '../image/docker/registry/reference';
import { readConfig, resolveManifest } from '../image/docker/resolve';
import { openArchive, type SpoolPort, seekable, spoolStdin } from '../image/docker/spool';
import type { Verification } from '../image/fetch/port';
import type { StoredImage } from '../store/cas';
import { temporaryOf } from '../store/temporary';
import { type DockerServices, type Place, recall, recallImage, remember, type Wish } from './docker-images';
import type { FetchOptions } from './images';

/** What an image is called: `host/path` and a tag. */
interface Called {
  readonly repository: string;
  readonly tag: string;
}

/** @throws PodctlError `image-*`, `decompressor-missing`, `interrupted` */
export async function importPlace(services: DockerServices, place: Place, wish: Wish): Promise<StoredImage> {
  const end = new AbortController();
  const release = wish.options.interrupts(() => end.abort());
  try {
    const files = await openFiles(services, place, end.signal);
    try {
      if (place.transport === 'docker-archive') return await fromArchive(services, files, place, wish, end.signal);
      const layout = openLayout(files);
      const called = calledIn(place, layout.nameOf(place.selection));
      const source = `${place.transport}:${place.path}`;
      const name = acIdentifier(called.repository, 'image');
      return await importFrom(services, layout, place.selection, { ...wish, called, name, source, signal: end.signal });
    } finally {
      files.close();
    }
  } finally {
    release();
  }
}

/** @throws PodctlError `fetch-*`, `registry-*`, `image-*`, `config-invalid`, `decompressor-missing`, `interrupted` */
export async function importReference(services: DockerServices, written: string, wish: Wish): Promise<StoredImage> {
  const { observe, interrupts, policy } = wish.options;
  const end = new AbortController();
  const release = interrupts(() => end.abort());
  try {
    const onRetry = (url: string, reason: string, delayMs: number): void =>
      observe({ event: 'retrying', url, reason, delayMs });
    const { reference, source, verify } = await services.registry(written, {
      signal: end.signal,
      onRetry,
      observe,
      policy,
    });
    try {
      const called = { repository: repositoryOf(reference), tag: reference.tag ?? reference.digest ?? 'latest' };
      const shown = `docker://${formatReference(reference)}`;
      const signed = policy === 'signed' ? { verify } : {};
      const names = { called, name: acNameOf(reference), source: shown, ...signed };
      return await importFrom(services, source, undefined, { ...wish, ...names, signal: end.signal });
    } finally {
      source.close();
    }
  } finally {
    release();
  }
}

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
  const fd = file === '-' ? await spoolStdin(port) : await seekable(openArchive(file), port);
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

interface SourceWish extends Wish {
  readonly called: Called;
  /** Of the ACI. */
  readonly name: string;
  /** For people. */
  readonly source: string;
  readonly signal: AbortSignal;
  /** Demands a signature of one of these documents; undefined: none is needed. */
  readonly verify?: (digests: readonly Digest[]) => Promise<Verification>;
}

/** @param reference as ImageSource.document() takes it @throws PodctlError as importPlace(), and what the source throws */
export async function importFrom(
  services: DockerServices,
  source: ImageSource,
  reference: string | undefined,
  { platform, called, name, source: shown, signal, options, verify }: SourceWish,
): Promise<StoredImage> {
  const { document, image, digests } = await resolveManifest(source, reference, platform);
  const verification = await verify?.(digests);
  const note = `image:${JSON.stringify([document.digest, called.repository, called.tag, options.platform ?? null])}`;
  // One that is stored takes over the verification when it is stored again.
  const known = verification === undefined ? recallImage(services, note) : undefined;
  if (known !== undefined) {
    services.images.touch(known.id);
    return known;
  }
  const config = decodeConfig(await readConfig(source, image.config));
  if (options.platform !== undefined) requireForPlatform(config, platform);
  const layers = image.layers.map(
    (layer, index): LayerSource => ({
      diffId: config.diffIds[index] ?? '',
      size: layer.size,
      read: (take) => source.blob(layer, take),
    }),
  );
  const origin = {
    name,
    ...called,
    manifestDigest: document.digest,
    configDigest: image.config.digest,
    annotations: image.annotations,
  };
  return store(services, { config, layers, origin, source: shown, verification }, { note, signal, options });
}

async function fromArchive(
  services: DockerServices,
  files: FileSet,
  place: Place,
  { platform, options }: Wish,
  signal: AbortSignal,
): Promise<StoredImage> {
  const { name, config: bytes, configDigest, layers } = archivedImage(files, place.selection);
  const called = calledIn({ ...place, selection: undefined }, name);
  const note = `image:${JSON.stringify([configDigest, called.repository, called.tag, options.platform ?? null])}`;
  const known = recallImage(services, note);
  if (known !== undefined) {
    services.images.touch(known.id);
    return known;
  }
  const config = decodeConfig(bytes);
  if (options.platform !== undefined) requireForPlatform(config, platform);
  const sources = layers.map(
    (layer, index): LayerSource => ({
      diffId: config.diffIds[index] ?? '',
      size: layer.size,
      read: (take) => readLayer(layer, take),
    }),
  );
  const { repository, tag } = called;
  const origin = {
    name: acIdentifier(repository, 'image'),
    repository,
    tag,
    manifestDigest: undefined,
    configDigest,
    annotations: {},
  };
  const source = `docker-archive:${place.path}`;
  return store(services, { config, layers: sources, origin, source }, { note, signal, options });
}

async function store(
  services: DockerServices,
  input: ImageInput,
  { note, signal, options }: { note: string; signal: AbortSignal; options: FetchOptions },
): Promise<StoredImage> {
  const target: ImportTarget = {
    images: services.images,
    signal,
    known: (diffId) => {
      const layer = recall(services, `layer:${diffId}`);
      if (layer?.digest !== diffId) return undefined;
      services.images.touch(layer.id);
      return layer.id;
    },
    learn: (diffId, id) => remember(services, `layer:${diffId}`, { id }),
  };
  const image = await importImage(input, target);
  const { id, name, size } = image;
  options.observe({ event: 'stored', url: input.source, id, name, size });
  remember(services, note, image);
  return image;
}
