/** Names of archive entries, checked and normalised: no `..`, not absolute, no `.` or empty components. */
import type { ErrorCode } from '#kernel/error-table';
import { PodctlError } from '#kernel/errors';
import { type ByteString, display } from './byte-string';
import { invalidArchive, type TarEntry } from './tar-entry';

/** PATH_MAX and NAME_MAX of Linux: longer ones could not be opened. */
export const MAX_PATH_BYTES = 4095;
const MAX_NAME_BYTES = 255;
/** Trees of real systems are a few dozen levels deep; removing and walking a tree holds a descriptor per level. */
export const MAX_DEPTH = 256;

export const refuse = (code: ErrorCode, problem: string, entry: TarEntry): PodctlError =>
  new PodctlError(code, `entry ${display(entry.name)} ${problem}`, {
    position: `entry ${display(entry.name)}, byte ${entry.offset}`,
  });

export type PathProblem = 'absolute' | 'dotdot' | 'too-long';

/** The path without its spelling; empty for the top of the archive. */
export function normalise(name: ByteString): { readonly path: ByteString } | { readonly problem: PathProblem } {
  if (name.startsWith('/')) return { problem: 'absolute' };
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) return { problem: 'dotdot' };
  if (name.length > MAX_PATH_BYTES || parts.length > MAX_DEPTH || parts.some((part) => part.length > MAX_NAME_BYTES)) {
    return { problem: 'too-long' };
  }
  return { path: parts.join('/') as ByteString };
}

/** @throws PodctlError `image-path-absolute`, `image-path-escape`, `image-archive-invalid` */
export function entryPath(entry: TarEntry): ByteString {
  const result = normalise(entry.name);
  if ('path' in result) return result.path;
  switch (result.problem) {
    case 'absolute':
      throw refuse('image-path-absolute', 'has an absolute name', entry);
    case 'dotdot':
      throw refuse('image-path-escape', 'leads out of the image with ".."', entry);
    case 'too-long':
      throw invalidArchive('a name is longer or deeper than Linux allows', entry.offset, entry.name);
  }
}

/** Target of a hard link, which names another entry. @throws PodctlError `image-hardlink-escape` */
export function hardLinkTarget(entry: TarEntry): ByteString {
  const result = normalise(entry.linkName);
  if ('path' in result) return result.path;
  throw refuse('image-hardlink-escape', `is a hard link to ${display(entry.linkName)}, outside the image`, entry);
}

/** The directory a path is in; empty at the top. */
export const parentOf = (path: ByteString): ByteString =>
  path.slice(0, Math.max(0, path.lastIndexOf('/'))) as ByteString;
export const baseOf = (path: ByteString): ByteString => path.slice(path.lastIndexOf('/') + 1) as ByteString;
