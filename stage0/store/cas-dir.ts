/** The content store in directories: `<dir>/images/sha512-<128 hex>/{image.tar, manifest, info.json, used}`. */
import fs from 'node:fs';
import { type AbsPath, type ImageId, isImageId } from '#kernel/brand';
import { isErrno, PodctlError } from '#kernel/errors';
import { uniqueName } from '#kernel/unique';
import { fsyncDir, mkdirDurable } from '../files/durable';
import { namesIn } from '../files/names-in';
import { decodeImageManifest, type ImageManifest } from '../image/manifest';
import type { ImageReference } from '../image/reference';
import type { ContentStore, ImageFacts, NewImage, StoredImage } from './cas';
import {
  damaged,
  encodeInfo,
  INFO,
  MANIFEST,
  type OpenImage,
  openFile,
  readInfo,
  readSmall,
  TAR,
  USED,
  withImage,
} from './image-files';
import { DirectoryNewImage } from './new-image';
import { type Temporary, temporaryOf } from './temporary';

/** Begins the names of images that are gone for everyone, and wait for root to delete them. */
export const REMOVED = '.removed-';

export class DirectoryStore implements ContentStore {
  readonly #images: string;
  readonly #temporary: Temporary;

  constructor(dataDir: AbsPath) {
    this.#images = `${dataDir}/images`;
    this.#temporary = temporaryOf(dataDir);
  }

  begin(atLeast?: number): NewImage {
    mkdirDurable(this.#images, 0o750);
    const checkIn = {
      place: (id: ImageId) => this.#path(id),
      adopt: (id: ImageId, facts: ImageFacts) => this.#adopt(id, facts),
    };
    return new DirectoryNewImage(this.#temporary, checkIn, atLeast);
  }

  has(id: ImageId): boolean {
    return fs.existsSync(this.#path(id));
  }

  get(id: ImageId): StoredImage | undefined {
    return readInfo(this.#path(id), id);
  }

  sound(id: ImageId): StoredImage | undefined {
    return this.#soundOrNothing(id).find(({ foreign }) => !foreign);
  }

  find(reference: ImageReference): StoredImage {
    return reference.kind === 'id' ? this.#findId(reference.prefix) : this.#findName(reference);
  }

  list(): readonly StoredImage[] {
    return this.#ids()
      .flatMap((id) => this.#soundOrNothing(id))
      .sort((a, b) => a.importedAt - b.importedAt || (a.id < b.id ? -1 : 1));
  }

  manifestBytes(id: ImageId): Buffer {
    return this.#with(id, (image) => readSmall(requireOwn(image), MANIFEST));
  }

  manifest(id: ImageId): ImageManifest {
    const bytes = this.manifestBytes(id);
    try {
      return decodeImageManifest(bytes);
    } catch (cause) {
      // It was valid when it came in.
      throw damaged(id, 'its manifest has changed', cause);
    }
  }

  openTar(id: ImageId): number {
    return this.#with(id, (image) => openFile(requireOwn(image), TAR));
  }

  openForeignTar(id: ImageId): number {
    return this.#with(id, (image) => openFile(image, TAR));
  }

  touch(id: ImageId): void {
    const file = `${this.#path(id)}/${USED}`;
    const now = Date.now() / 1000;
    try {
      fs.utimesSync(file, now, now);
    } catch (error) {
      if (isErrno(error, 'EACCES', 'EPERM', 'EROFS')) return; // ignored: a member of the group may use it, and not say so
      if (!isErrno(error, 'ENOENT')) throw error;
      this.#makeUsed(file);
    }
  }

  names(): readonly string[] {
    return namesIn(this.#images);
  }

  putManifest(id: ImageId, manifest: Buffer): boolean {
    return this.#replaceFile(id, MANIFEST, manifest);
  }

  temporaries(): readonly string[] {
    const removed = this.names().filter((name) => name.startsWith(REMOVED));
    return [...this.#temporary.orphans(), ...removed.map((name) => `${this.#images}/${name}`)];
  }

  remove(id: ImageId): boolean {
    return this.detach(id)();
  }

  detach(id: ImageId): () => boolean {
    try {
      return this.#temporary.detach(this.#path(id), this.#images);
    } catch (error) {
      // Moving a directory to another parent takes the right to write to it; renaming it does not.
      if (!isErrno(error, 'EACCES', 'EPERM')) throw error;
    }
    const removed = this.#takeNameAway(id);
    return () => removed;
  }

  sweepTemporary(): number {
    return this.#temporary.sweep() + this.#sweepRemoved();
  }

  #makeUsed(file: string): void {
    try {
      fs.writeFileSync(file, '', { flag: 'wx', mode: 0o640 });
    } catch (error) {
      // ignored: another process made it, the image was removed meanwhile, or it is not ours to say that it was used
      if (!isErrno(error, 'EEXIST', 'ENOENT', 'EACCES', 'EPERM', 'EROFS')) throw error;
    }
  }

  #takeNameAway(id: ImageId): boolean {
    try {
      fs.renameSync(this.#path(id), `${this.#images}/${REMOVED}${uniqueName()}`);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return false;
      throw error;
    }
    fsyncDir(this.#images);
    return true;
  }

  /** What members of the group could not delete, root can. */
  #sweepRemoved(): number {
    if (process.geteuid?.() !== 0) return 0;
    const removed = namesIn(this.#images).filter((name) => name.startsWith(REMOVED));
    for (const name of removed) this.#temporary.remove(`${this.#images}/${name}`, this.#images);
    return removed.length;
  }

  #path(id: ImageId): string {
    return `${this.#images}/${id}`;
  }

  #ids(): readonly ImageId[] {
    return namesIn(this.#images).filter(isImageId).sort();
  }

  #findId(prefix: string): StoredImage {
    const matches = isImageId(prefix) ? [prefix] : this.#ids().filter((id) => id.startsWith(prefix));
    if (matches.length > 1)
      throw new PodctlError('image-ambiguous', `ambiguous image ID "${prefix}": ${matches.length} matches`);
    const image = matches[0] === undefined ? undefined : this.get(matches[0]);
    if (image === undefined) throw new PodctlError('image-not-found', `no image IDs found for "${prefix}"`);
    return image;
  }

  #findName({ name, labels }: Extract<ImageReference, { kind: 'name' }>): StoredImage {
    const matches = this.list().filter(
      (image) =>
        image.name === name &&
        labels.every((wanted) => image.labels.some((has) => has.name === wanted.name && has.value === wanted.value)),
    );
    const last = matches.at(-1);
    if (last === undefined) {
      const wanted = labels.map((label) => `${label.name}=${label.value}`).join(' ');
      throw new PodctlError(
        'image-not-found',
        `cannot find aci satisfying name: "${name}" and labels: [${wanted}] in the local store`,
      );
    }
    return last;
  }

  #soundOrNothing(id: ImageId): readonly StoredImage[] {
    try {
      const image = this.get(id);
      return image === undefined ? [] : [image];
    } catch (error) {
      if (error instanceof PodctlError && error.code === 'image-damaged') return [];
      throw error;
    }
  }

  #adopt(id: ImageId, facts: ImageFacts): StoredImage | undefined {
    const [image] = this.#soundOrNothing(id);
    if (image === undefined || image.foreign) {
      this.remove(id); // a damaged one makes way, as does one that others can change
      return undefined;
    }
    this.touch(id);
    const adds = (facts.verification !== undefined && !isSame(image, facts)) || lacksDigest(image, facts);
    if (!adds) return image;
    const { verification = image.verification, digest = image.digest } = facts;
    const verified = { ...image, verification, digest };
    return this.#replaceFile(id, INFO, encodeInfo(verified)) ? verified : image;
  }

  /** By way of `tmp`, where the next sweep finds what a crash leaves. False if the image is another user's, or gone. */
  #replaceFile(id: ImageId, name: string, content: string | Buffer): boolean {
    const directory = this.#temporary.create(0o700);
    const place = this.#path(id);
    try {
      const file = `/proc/self/fd/${directory.fd}/${name}`;
      fs.writeFileSync(file, content, { flag: 'wx', mode: 0o640, flush: true });
      fs.renameSync(file, `${place}/${name}`);
      fsyncDir(place);
      return true;
    } catch (error) {
      if (isErrno(error, 'EACCES', 'EPERM', 'ENOENT')) return false;
      throw error;
    } finally {
      this.#temporary.discard(directory);
    }
  }

  #with<T>(id: ImageId, use: (image: OpenImage) => T): T {
    // Only an ID names a directory here.
    const found = isImageId(id) ? withImage(this.#path(id), id, (image) => ({ value: use(image) })) : undefined;
    if (found === undefined) throw new PodctlError('image-removed', `image ${id} is no longer in the store`);
    return found.value;
  }
}

/** Between finding an image and using it, a member of the group may have put another one there. */
function requireOwn(image: OpenImage): OpenImage {
  if (image.foreign) throw damaged(image.id, 'another user can change it');
  return image;
}

const lacksDigest = (image: StoredImage, { digest }: ImageFacts): boolean =>
  digest !== undefined && image.digest === undefined;

function isSame(image: StoredImage, facts: ImageFacts): boolean {
  const [a, b] = [image.verification, facts.verification];
  return a?.signatureDigest === b?.signatureDigest && a?.keyFileDigest === b?.keyFileDigest && a?.prefix === b?.prefix;
}
