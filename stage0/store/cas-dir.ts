/** The content store in directories: `<dir>/images/sha512-<128 hex>/{image.tar, manifest, info.json, used}`. */
import fs from 'node:fs';
import { type AbsPath, type ImageId, isImageId } from '#kernel/brand';
import { isErrno, PodctlError } from '#kernel/errors';
import { mkdirDurable, writeFileDurable } from '../files/durable';
import { decodeImageManifest, type ImageManifest } from '../image/manifest';
import { formatImageName, type ImageReference } from '../image/reference';
import type { ContentStore, ImageFacts, NewImage, StoredImage } from './cas';
import { damaged, encodeInfo, INFO, MANIFEST, readInfo, TAR, USED } from './image-files';
import { DirectoryNewImage } from './new-image';
import { Temporary } from './temporary';

export class DirectoryStore implements ContentStore {
  readonly #images: string;
  readonly #temporary: Temporary;

  constructor(dataDir: AbsPath) {
    this.#images = `${dataDir}/images`;
    this.#temporary = new Temporary(`${dataDir}/tmp`);
  }

  begin(): NewImage {
    mkdirDurable(this.#images, 0o750);
    return new DirectoryNewImage(this.#temporary, {
      place: (id) => this.#path(id),
      adopt: (id, facts) => this.#adopt(id, facts),
    });
  }

  get(id: ImageId): StoredImage | undefined {
    return readInfo(this.#path(id), id);
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
    return this.#open(id, MANIFEST, (file) => fs.readFileSync(file));
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
    return this.#open(id, TAR, (file) => fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW));
  }

  touch(id: ImageId): void {
    const file = `${this.#path(id)}/${USED}`;
    const now = Date.now() / 1000;
    try {
      fs.utimesSync(file, now, now);
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
      fs.writeFileSync(file, '', { mode: 0o660 });
    }
  }

  remove(id: ImageId): boolean {
    return this.#temporary.remove(this.#path(id), this.#images);
  }

  sweepTemporary(): number {
    return this.#temporary.sweep();
  }

  #path(id: ImageId): string {
    return `${this.#images}/${id}`;
  }

  #ids(): readonly ImageId[] {
    try {
      return fs.readdirSync(this.#images).filter(isImageId).sort();
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return [];
      throw error;
    }
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
      throw new PodctlError('image-not-found', `no image in the store satisfies "${formatImageName(name, labels)}"`);
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
    if (image === undefined) {
      this.remove(id); // a damaged one makes way
      return undefined;
    }
    this.touch(id);
    if (facts.verification === undefined || isSame(image, facts)) return image;
    const verified = { ...image, verification: facts.verification };
    writeFileDurable(`${this.#path(id)}/${INFO}`, encodeInfo(verified), 0o640);
    return verified;
  }

  #open<T>(id: ImageId, file: string, open: (path: string) => T): T {
    try {
      return open(`${this.#path(id)}/${file}`);
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
      if (fs.existsSync(this.#path(id))) throw damaged(id, `${file} is missing`, error);
      throw new PodctlError('image-not-found', `image ${id} is not in the store`);
    }
  }
}

function isSame(image: StoredImage, facts: ImageFacts): boolean {
  const [a, b] = [image.verification, facts.verification];
  return a?.signatureDigest === b?.signatureDigest && a?.keyFileDigest === b?.keyFileDigest && a?.prefix === b?.prefix;
}
