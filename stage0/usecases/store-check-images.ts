/** Every image: its bytes hashed again, its manifest compared with the one in the archive. */
import fs from 'node:fs';
import { type ImageId, isImageId } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { ArchiveLayout } from '../image/layout';
import { TarReader } from '../render/tar';
import { rehash } from '../store/blob';
import { REMOVED } from '../store/cas-dir';
import type { Services } from './services';
import type { Problem } from './store-check';

export async function* checkImages(services: Services): AsyncGenerator<Problem> {
  const { images, dataDir } = services;
  for (const name of images.names()) {
    const path = `${dataDir}/images/${name}`;
    if (isImageId(name)) yield* checkImage(services, name, path);
    else if (!name.startsWith(REMOVED)) yield { code: 'stray', path, message: 'is no image' };
  }
}

async function* checkImage(services: Services, id: ImageId, path: string): AsyncGenerator<Problem> {
  const { images } = services;
  const remove = { what: 'removed', act: () => images.remove(id) };
  const content = await read(services, id);
  if (content.kind === 'gone') return;
  if (content.kind === 'unreadable') {
    yield { code: 'image-incomplete', path, message: content.message, repair: remove };
    return;
  }
  if (content.id !== id) {
    yield { code: 'image-digest', path, message: `its bytes are ${content.id.slice(0, 19)}`, repair: remove };
    return;
  }
  const again = { what: 'read in again from its own bytes', act: () => readAgain(services, id) };
  const problem = problemOf(() => images.get(id));
  if (problem !== undefined) {
    yield { code: 'image-incomplete', path, message: problem, repair: again };
    return;
  }
  // What a member of the group stored is read in again anyway before root uses it.
  if (images.get(id)?.foreign !== false) return;
  const { manifest } = content;
  const is = manifestOf(services, id);
  if (manifest === undefined || is?.equals(manifest) === true) return;
  const repair = { what: 'replaced by the one in the archive', act: () => images.putManifest(id, manifest) };
  yield { code: 'image-manifest', path: `${path}/manifest`, message: 'is not that of the archive', repair };
}

type Content =
  | { readonly kind: 'gone' }
  | { readonly kind: 'unreadable'; readonly message: string }
  | { readonly kind: 'read'; readonly id: string; readonly manifest: Buffer | undefined };

async function read({ images }: Services, id: ImageId): Promise<Content> {
  const layout = new ArchiveLayout();
  const tar = new TarReader(layout);
  let sound = true;
  try {
    const is = await rehash(images.openForeignTar(id), (chunk) => {
      if (sound) sound = problemOf(() => tar.write(chunk)) === undefined;
    });
    return { kind: 'read', id: is, manifest: sound ? layout.manifest() : undefined };
  } catch (error) {
    if (!(error instanceof PodctlError)) throw error;
    return error.code === 'image-removed' ? { kind: 'gone' } : { kind: 'unreadable', message: error.message };
  }
}

function problemOf(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (error instanceof PodctlError) return error.message;
    throw error;
  }
}

function manifestOf({ images }: Services, id: ImageId): Buffer | undefined {
  try {
    return images.manifestBytes(id);
  } catch (error) {
    if (error instanceof PodctlError) return undefined; // ignored: missing is as bad as wrong
    throw error;
  }
}

/** Who signed it is lost with the file that said so. */
async function readAgain({ images }: Services, id: ImageId): Promise<boolean> {
  const { importArchive } = await import('../image/fetch/import.js');
  const fd = images.openForeignTar(id);
  try {
    const { size } = fs.fstatSync(fd);
    return (await importArchive(images, { fd, size, source: 'store check --repair' }, undefined)).id === id;
  } finally {
    fs.closeSync(fd);
  }
}
