/** An image on its way into the directory store: written and hashed in one go, checked in by one rename. */
import fs from 'node:fs';
import { type ImageId, isImageId } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { native } from '../../stage1/native/index';
import { fsyncDir } from '../files/durable';
import type { ImageFacts, NewImage, StoredImage } from './cas';
import { FileDigest } from './file-digest';
import { encodeInfo, INFO, MANIFEST, TAR } from './image-files';
import type { Temporary, TemporaryDirectory } from './temporary';

/** The disk is kept busy while the rest is being expanded, so that the fsync at the end has little left to wait for. */
const WRITEBACK_BYTES = 8 * 1024 * 1024;

/** Headers and small files are written together: a call for each would take as long as all the rest. */
const GATHERED_BYTES = 256 * 1024;

/** Every further one takes another process that acts in the same microseconds. */
const MAX_TRIES = 64;

/** What the store does at the moment of check-in. */
export interface CheckIn {
  /** Where the image of this id belongs. */
  place(id: ImageId): string;
  /** The sound image that is there already, updated with these facts; undefined if there is none. */
  adopt(id: ImageId, facts: ImageFacts): StoredImage | undefined;
}

export class DirectoryNewImage implements NewImage {
  readonly #temporary: Temporary;
  readonly #checkIn: CheckIn;
  readonly #digest: FileDigest;
  #directory: TemporaryDirectory | undefined;
  #tar: number;
  readonly #gathered = Buffer.allocUnsafeSlow(GATHERED_BYTES);
  #pending = 0;
  #size = 0;
  #flushed = 0;

  constructor(temporary: Temporary, checkIn: CheckIn, atLeast?: number) {
    this.#temporary = temporary;
    this.#checkIn = checkIn;
    this.#directory = temporary.create(0o750);
    this.#tar = fs.openSync(`${placeOf(this.#directory)}/${TAR}`, 'wx+', 0o640);
    this.#digest = new FileDigest(this.#tar, atLeast);
  }

  get fd(): number {
    return this.#tar;
  }

  wrote(size: number, sha512: string): void {
    this.#size = size;
    this.#digest.adopt(sha512);
  }

  write(chunk: Buffer): void {
    const isLarge = chunk.length > GATHERED_BYTES / 2;
    if (isLarge || this.#pending + chunk.length > GATHERED_BYTES) this.#flush();
    if (isLarge) this.#put(chunk);
    else this.#pending += chunk.copy(this.#gathered, this.#pending);
  }

  #flush(): void {
    if (this.#pending > 0) this.#put(this.#gathered.subarray(0, this.#pending));
    this.#pending = 0;
  }

  #put(chunk: Buffer): void {
    for (let done = 0; done < chunk.length; ) done += fs.writeSync(this.#tar, chunk, done);
    this.#digest.update(chunk);
    this.#size += chunk.length;
    if (this.#size - this.#flushed < WRITEBACK_BYTES) return;
    native().startWriteback(this.#tar, this.#flushed, this.#size - this.#flushed);
    this.#flushed = this.#size;
  }

  settled(): Promise<void> {
    this.#flush();
    return this.#digest.settled();
  }

  commit(manifest: Buffer, facts: ImageFacts): StoredImage {
    const directory = this.#directory;
    this.#flush();
    const id = `sha512-${this.#digest.digest()}`;
    if (directory === undefined || !isImageId(id)) throw new PodctlError('internal', 'an image was committed twice');
    const known = this.#checkIn.adopt(id, facts);
    if (known !== undefined) {
      this.abandon();
      return known;
    }
    const now = Date.now();
    const { digest } = facts;
    const image: StoredImage = {
      id,
      ...facts,
      digest,
      size: this.#size,
      importedAt: now,
      lastUsedAt: now,
      foreign: false,
    };
    fs.fsyncSync(this.#tar);
    writeSynced(`${placeOf(directory)}/${MANIFEST}`, manifest);
    writeSynced(`${placeOf(directory)}/${INFO}`, encodeInfo(image));
    fsyncDir(directory.path);
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      if (this.#temporary.publish(directory, this.#checkIn.place(id))) {
        this.#directory = undefined;
        this.abandon();
        return image;
      }
      // Another process checked in the same bytes first.
      const first = this.#checkIn.adopt(id, facts);
      if (first === undefined) continue; // and it was removed, or had to make way
      this.abandon();
      return first;
    }
    throw new PodctlError(
      'image-damaged',
      `image ${id.slice(0, 19)} is put back by someone as often as it is replaced`,
    );
  }

  abandon(): void {
    this.#digest.abandon();
    if (this.#tar >= 0) fs.closeSync(this.#tar);
    this.#tar = -1;
    if (this.#directory !== undefined) this.#temporary.discard(this.#directory);
    this.#directory = undefined;
  }
}

/** Through the descriptor: in a directory in which others may write, the path may be theirs meanwhile. */
const placeOf = ({ fd }: TemporaryDirectory): string => `/proc/self/fd/${fd}`;

function writeSynced(file: string, data: string | Buffer): void {
  fs.writeFileSync(file, data, { flag: 'wx', mode: 0o640, flush: true });
}
