/** The files of one image: their names, and what info.json says. */
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

/** info.json, version 1. The id is the directory's name. */
interface InfoFile {
  readonly version: 1;
  readonly name: string;
  readonly labels: readonly Label[];
  readonly size: number;
  readonly importedAt: number;
  readonly source: string;
  readonly verification: Verification | null;
}

export function encodeInfo(image: Omit<StoredImage, 'id' | 'lastUsedAt'>): string {
  const { name, labels, size, importedAt, source, verification } = image;
  const file: InfoFile = { version: 1, name, labels, size, importedAt, source, verification: verification ?? null };
  return `${JSON.stringify(file, undefined, 2)}\n`;
}

/** Undefined if there is no such image. @throws PodctlError `image-damaged` */
export function readInfo(directory: string, id: ImageId): StoredImage | undefined {
  const text = readIfThere(`${directory}/${INFO}`);
  if (text === undefined) {
    if (fs.existsSync(directory)) throw damaged(id, `${INFO} is missing`);
    return undefined;
  }
  const file = parseInfo(text, id);
  const tar = fs.statSync(`${directory}/${TAR}`, { throwIfNoEntry: false });
  if (tar === undefined) throw damaged(id, `${TAR} is missing`);
  if (tar.size !== file.size) throw damaged(id, `${TAR} has ${tar.size} bytes, not ${file.size}`);
  const used = fs.statSync(`${directory}/${USED}`, { throwIfNoEntry: false });
  const { version: _, verification, ...rest } = file;
  return { id, ...rest, verification: verification ?? undefined, lastUsedAt: used?.mtimeMs ?? file.importedAt };
}

function parseInfo(text: string, id: ImageId): InfoFile {
  let file: InfoFile;
  try {
    file = JSON.parse(text) as InfoFile;
  } catch (cause) {
    throw damaged(id, `${INFO} is not JSON`, cause);
  }
  const sound =
    file?.version === 1 && typeof file.name === 'string' && typeof file.size === 'number' && Array.isArray(file.labels);
  if (!sound) throw damaged(id, `${INFO} was written by another version of podctl`);
  return file;
}

function readIfThere(path: string): string | undefined {
  try {
    return fs.readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

export const damaged = (id: ImageId, problem: string, cause?: unknown): PodctlError =>
  new PodctlError('image-damaged', `image ${id.slice(0, 19)} in the store is damaged: ${problem}`, { cause });
