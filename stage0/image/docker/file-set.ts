/** Files of a layout or an archive, by their paths in it: in a directory, or in a tar file of which only the headers are read. */
import fs from 'node:fs';
import { isErrno, PodctlError } from '#kernel/errors';
import { type ByteString, display, fromText } from '../../render/byte-string';
import { normalise, parentOf } from '../../render/entry-path';
import { TarReader } from '../../render/tar';
import type { TarEntry, TarSink } from '../../render/tar-entry';
import type { Take } from './port';

/** Part of an open file. */
export interface Extent {
  readonly fd: number;
  readonly offset: number;
  readonly size: number;
}

export interface FileSet {
  /** Undefined if there is no such file. The descriptor stays the set's. @throws PodctlError `image-archive-invalid` */
  find(path: string): Extent | undefined;
  /** Releases what it holds. */
  close(): void;
}

const CHUNK_BYTES = 256 * 1024;
const BLOCK = 512;
const ZEROS = Buffer.alloc(1024 * 1024);
/** Archives have a dozen members per layer at most; each is remembered. */
const MAX_MEMBERS = 100_000;
const MAX_LINKS = 8;
const OPEN_FILE = fs.constants.O_RDONLY | fs.constants.O_NONBLOCK;

/** The bytes in order, each chunk a buffer of its own. */
export async function readExtent({ fd, offset, size }: Extent, take: Take): Promise<void> {
  for (let at = 0; at < size; ) {
    const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, size - at));
    const got = fs.readSync(fd, buffer, 0, buffer.length, offset + at);
    if (got === 0)
      throw new PodctlError('image-archive-invalid', 'the archive is not valid: a file in it is cut short');
    at += got;
    const wait = take(buffer.subarray(0, got));
    if (wait !== undefined) await wait;
    // Signals and other layers get their turn.
    await new Promise(setImmediate);
  }
}

/** @throws PodctlError `image-too-large` */
export function readWhole({ fd, offset, size }: Extent, what: string, most: number): Buffer {
  if (size > most) throw new PodctlError('image-too-large', `${what} has ${size} bytes, more than ${most}`);
  const bytes = Buffer.allocUnsafeSlow(size);
  for (let at = 0; at < size; ) {
    const got = fs.readSync(fd, bytes, at, size - at, offset + at);
    if (got === 0) throw new PodctlError('image-archive-invalid', `${what} is cut short`);
    at += got;
  }
  return bytes;
}

/** @param paths are asked for by podctl: names without `..` */
export function directoryFiles(directory: string): FileSet {
  const open: number[] = [];
  return {
    find(path) {
      let fd: number;
      try {
        fd = fs.openSync(`${directory}/${path}`, OPEN_FILE);
      } catch (error) {
        if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
        throw error;
      }
      open.push(fd);
      const stat = fs.fstatSync(fd);
      return stat.isFile() ? { fd, offset: 0, size: stat.size } : undefined;
    },
    close: () => {
      for (const fd of open.splice(0)) fs.closeSync(fd);
    },
  };
}

type Member =
  | { readonly kind: 'file'; readonly offset: number; readonly size: number }
  | { readonly kind: 'link'; readonly to: ByteString };

/** @param fd of a tar that can be read at any place; it becomes the set's. @throws PodctlError `image-archive-invalid` */
export function archiveFiles(fd: number): FileSet {
  const members = readMembers(fd);
  return {
    find(path) {
      let at = fromText(path);
      for (let links = 0; links <= MAX_LINKS; links += 1) {
        const member = members.get(at);
        if (member === undefined) return undefined;
        if (member.kind === 'file') return { fd, offset: member.offset, size: member.size };
        at = member.to;
      }
      throw new PodctlError('image-archive-invalid', `the archive is not valid: ${path} leads in a circle`);
    },
    close: () => fs.closeSync(fd),
  };
}

/** Files are not read: the reader gets zeros in their place. */
function readMembers(fd: number): ReadonlyMap<ByteString, Member> {
  const members = new Map<ByteString, Member>();
  let position = 0;
  let content = 0;
  const note: TarSink = {
    entry(entry) {
      if (members.size >= MAX_MEMBERS)
        throw new PodctlError('image-too-large', `the archive has more than ${MAX_MEMBERS} members`);
      const path = memberPath(entry.name);
      if (entry.type === 'file') {
        if (entry.sparse) throw new PodctlError('image-archive-invalid', `${display(entry.name)} is a sparse file`);
        content = entry.size;
        if (path !== undefined) members.set(path, { kind: 'file', offset: position + BLOCK, size: entry.size });
      } else if (path !== undefined && (entry.type === 'symlink' || entry.type === 'hardlink')) {
        const to = linkTarget(path, entry);
        if (to !== undefined) members.set(path, { kind: 'link', to });
      }
    },
    data: () => undefined,
    fileEnd: () => undefined,
  };
  const reader = new TarReader(note, true);
  const block = Buffer.allocUnsafe(BLOCK);
  const { size } = fs.fstatSync(fd);
  for (;;) {
    const got = fs.readSync(fd, block, 0, BLOCK, position);
    if (got === 0) break;
    content = 0;
    reader.write(block.subarray(0, got));
    position += got;
    const skip = Math.ceil(content / BLOCK) * BLOCK;
    if (position + skip > size && content > 0)
      throw new PodctlError('image-archive-invalid', 'the archive is not valid: it is truncated');
    for (let left = skip; left > 0; left -= ZEROS.length) reader.write(ZEROS.subarray(0, Math.min(left, ZEROS.length)));
    position += skip;
  }
  reader.finish();
  return members;
}

function memberPath(name: ByteString): ByteString | undefined {
  const result = normalise(name.replace(/^\/+/, '') as ByteString);
  return 'path' in result ? result.path : undefined;
}

/** Where a link leads within the archive; undefined if out of it. */
function linkTarget(path: ByteString, { type, linkName }: TarEntry): ByteString | undefined {
  if (type === 'hardlink') return memberPath(linkName);
  if (linkName.startsWith('/')) return undefined;
  const parts = parentOf(path)
    .split('/')
    .filter((part) => part !== '');
  for (const part of linkName.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.join('/') as ByteString;
}
