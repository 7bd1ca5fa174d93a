/** The files of one image: their names, how they are opened, and what info.json says. */
import fs from 'node:fs';
import type { ImageId } from '#kernel/brand';
import { isErrno, PodctlError } from '#kernel/errors';
import type { Verification } from '../image/fetch/port';
import type { Label } from '../image/schema';
import type { StoredImage } from './cas';

export const TAR = 'image.tar';
export const MANIFEST = 'manifest';
export const INFO = 'info.json';
/** An empty file whose mtime is the last use. */
export const USED = 'used';

const OPEN_DIRECTORY = fs.constants.O_RDONLY | fs.constants.O_DIRECTORY | fs.constants.O_NOFOLLOW;
/** Whoever may write to the store could have put a fifo there: opening it must not wait. */
const OPEN_FILE = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;
const WRITABLE_BY_OTHERS = 0o022;
/** As large as a manifest may be when it comes in, and more than info.json ever needs. */
const MAX_SMALL_BYTES = 16 * 1024 * 1024;

/** info.json, version 1. */
interface InfoFile {
  readonly version: 1;
  /** Says so itself, since a member of the group may rename the directory. */
  readonly id: ImageId;
  readonly name: string;
  readonly labels: readonly Label[];
  readonly size: number;
  readonly importedAt: number;
  readonly source: string;
  readonly verification: Verification | null;
  readonly digest?: string | undefined;
}

/** An image's directory, open. What is read through it belongs together, whatever is renamed meanwhile. */
export interface OpenImage {
  readonly id: ImageId;
  readonly fd: number;
  /** We are root, and somebody else can change what is in it. */
  readonly foreign: boolean;
}

/** Every further one takes a removal and an import in the same microseconds. */
const MAX_TRIES = 64;

/** Undefined if there is no such image. @throws PodctlError `image-damaged` */
export function withImage<T>(directory: string, id: ImageId, use: (image: OpenImage) => T): T | undefined {
  for (let tries = 0; ; tries += 1) {
    const fd = openDirectory(directory, id);
    if (fd === undefined) return undefined;
    try {
      return use({ id, fd, foreign: process.geteuid?.() === 0 && isForeign(fs.fstatSync(fd)) });
    } catch (error) {
      // An image that is removed meanwhile loses its files one by one, but no longer has its name.
      if (tries > MAX_TRIES || isThere(directory, fd)) throw error;
    } finally {
      fs.closeSync(fd);
    }
  }
}

const isForeign = ({ uid, mode }: fs.Stats): boolean => uid !== 0 || (mode & WRITABLE_BY_OTHERS) !== 0;

function openDirectory(directory: string, id: ImageId): number | undefined {
  try {
    return fs.openSync(directory, OPEN_DIRECTORY);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    if (isErrno(error, 'ENOTDIR', 'ELOOP')) throw damaged(id, 'it is no directory', error);
    throw error;
  }
}

const isThere = (directory: string, fd: number): boolean =>
  fs.lstatSync(directory, { throwIfNoEntry: false })?.ino === fs.fstatSync(fd).ino;

/** A regular file of the image, open for reading; the caller closes it. @throws PodctlError `image-damaged` */
export function openFile({ id, fd: directory }: OpenImage, name: string): number {
  let fd: number;
  try {
    fd = fs.openSync(`/proc/self/fd/${directory}/${name}`, OPEN_FILE);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) throw damaged(id, `${name} is missing`, error);
    if (isErrno(error, 'ELOOP', 'ENXIO')) throw damaged(id, `${name} is no file`, error);
    throw error;
  }
  if (fs.fstatSync(fd).isFile()) return fd;
  fs.closeSync(fd);
  throw damaged(id, `${name} is no file`);
}

/** @throws PodctlError `image-damaged` */
export function readSmall(image: OpenImage, name: string): Buffer {
  const fd = openFile(image, name);
  try {
    if (fs.fstatSync(fd).size > MAX_SMALL_BYTES) throw damaged(image.id, `${name} is larger than any`);
    return fs.readFileSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

export function encodeInfo(image: Omit<StoredImage, 'lastUsedAt' | 'foreign'>): string {
  const { id, name, labels, size, importedAt, source, verification, digest } = image;
  const facts = { id, name, labels, size, importedAt, source, digest };
  const file: InfoFile = { version: 1, ...facts, verification: verification ?? null };
  return `${JSON.stringify(file, undefined, 2)}\n`;
}

/** Undefined if there is no such image. @throws PodctlError `image-damaged` */
export function readInfo(directory: string, id: ImageId): StoredImage | undefined {
  return withImage(directory, id, (image) => {
    const { version: _, verification, ...rest } = parseInfo(readSmall(image, INFO).toString('utf8'), id);
    const place = `/proc/self/fd/${image.fd}`;
    const tar = fs.lstatSync(`${place}/${TAR}`, { throwIfNoEntry: false });
    if (tar === undefined) throw damaged(id, `${TAR} is missing`);
    if (tar.size !== rest.size) throw damaged(id, `${TAR} has ${tar.size} bytes, not ${rest.size}`);
    const used = fs.lstatSync(`${place}/${USED}`, { throwIfNoEntry: false });
    return {
      ...rest,
      verification: image.foreign ? undefined : (verification ?? undefined),
      digest: image.foreign || typeof rest.digest !== 'string' ? undefined : rest.digest,
      lastUsedAt: used?.mtimeMs ?? rest.importedAt,
      foreign: image.foreign,
    };
  });
}

function parseInfo(text: string, id: ImageId): InfoFile {
  let file: InfoFile;
  try {
    file = JSON.parse(text) as InfoFile;
  } catch (cause) {
    throw damaged(id, `${INFO} is not JSON`, cause);
  }
  const sound =
    file?.version === 1 &&
    typeof file.name === 'string' &&
    typeof file.size === 'number' &&
    typeof file.importedAt === 'number' &&
    typeof file.source === 'string' &&
    Array.isArray(file.labels) &&
    file.labels.every((label) => typeof label?.name === 'string' && typeof label.value === 'string');
  if (!sound) throw damaged(id, `${INFO} was written by another version of podctl`);
  if (file.id !== id) throw damaged(id, `${INFO} is that of ${file.id}`);
  return file;
}

export const damaged = (id: ImageId, problem: string, cause?: unknown): PodctlError =>
  new PodctlError('image-damaged', `image ${id.slice(0, 19)} in the store is damaged: ${problem}`, { cause });
