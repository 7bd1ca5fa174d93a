/**
 * Images that an unprivileged member of the group put into the store. Their owner can change them at any time, and whatever
 * they say of themselves (name, who signed them) is the owner's word. Before root does anything with one, it is read in again as
 * any image from outside is, and root's copy takes its place.
 */
import fs from 'node:fs';
import { PodctlError } from '#kernel/errors';
import type { StoredImage } from '../store/cas';
import type { Services } from './services';

/** The image itself if nobody else can change it. @throws PodctlError `image-*` if it is not what its ID says */
export async function ownImage(
  { images, debug }: Pick<Services, 'images' | 'debug'>,
  image: StoredImage,
): Promise<StoredImage> {
  if (!image.foreign) return image;
  debug(`image ${image.id} was stored by another user: reading it in again`);
  const { importArchive } = await import('../image/fetch/import.js');
  const fd = images.openForeignTar(image.id);
  try {
    const own = await importArchive(images, { fd, size: fs.fstatSync(fd).size, source: image.source }, undefined);
    if (own.id === image.id) return own;
  } finally {
    fs.closeSync(fd);
  }
  images.remove(image.id);
  throw new PodctlError(
    'image-damaged',
    `image ${image.id.slice(0, 19)} was stored by another user, and is another image`,
  );
}
