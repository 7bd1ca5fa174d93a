/**
 * Copies between the host and an app's root. Both ways it is a tar archive in memory, piece by piece: packed by descriptors that
 * never follow a link, and laid out as an image is (render/extract.ts), so that nothing on either side leads out of the
 * directories that were named.
 */
import fs from 'node:fs';
import path from 'node:path';
import { isErrno, PodctlError } from '#kernel/errors';
import { native } from '../../stage1/native/index';
import { RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } from '../files/linux';
import { type ByteString, fromText } from '../render/byte-string';
import { ConfinedTree } from '../render/confined';
import { Directories } from '../render/directories';
import { Extractor, finishDirectories } from '../render/extract';
import { packEntry } from '../render/pack';
import { TarReader } from '../render/tar';
import type { TarEntry, TarSink } from '../render/tar-entry';
import { END_OF_ARCHIVE } from '../render/tar-writer';
import type { OpenedRoot } from './app-root-open';

/** A side of a copy: a path, or a stream of tar. */
export type Side =
  | { readonly kind: 'host'; readonly path: string }
  | { readonly kind: 'app'; readonly root: OpenedRoot; readonly path: string }
  | { readonly kind: 'stream' };

export interface CopyRequest {
  readonly from: Side;
  readonly to: Side;
  /** Owners stay as they are in the pod; else everything belongs to who makes it: root, here or there. */
  readonly keepOwners: boolean;
  /** Told of what cannot be copied. */
  readonly warn: (message: string) => void;
}

const DIRECTORY = fs.constants.O_RDONLY | fs.constants.O_DIRECTORY;
const CHUNK = 256 * 1024;
const STDIN = 0;
const STDOUT = 1;

/** An entry of an open directory; `.` is the directory itself. */
interface Named {
  readonly parent: number;
  readonly name: string;
}

/** @throws PodctlError `copy-failed`, `image-*` for an archive on stdin that is none, or leads out */
export async function copy({ from, to, keepOwners, warn }: CopyRequest): Promise<void> {
  if (to.kind === 'stream') return packTo(from, warn);
  const users = to.kind === 'app' ? to.root.firstUser : 0;
  const shift = users - (from.kind === 'app' ? from.root.firstUser : 0);
  const source = from.kind === 'stream' ? undefined : openSource(from);
  const target = openTarget(to, source?.name ?? '.');
  if (users !== 0) native().ownNewFiles(users);
  try {
    if (source === undefined) unpack(target, keepOwners, shift, (write) => readAll(STDIN, write));
    else await unpackFrom(source, target, keepOwners, shift, warn);
  } finally {
    if (users !== 0) native().ownNewFiles(0);
    fs.closeSync(target.parent);
    if (source !== undefined) fs.closeSync(source.parent);
  }
}

async function packTo(from: Side, warn: CopyRequest['warn']): Promise<void> {
  if (from.kind === 'stream') throw new PodctlError('usage', 'only one side can be "-"');
  const source = openSource(from);
  const write = (bytes: Buffer): void => writeAll(STDOUT, bytes);
  const shift = from.kind === 'app' ? -from.root.firstUser : 0;
  try {
    await packEntry(source.parent, source.name, fromText(source.name), { write, shift, leftOut: leftOut(warn) });
    write(END_OF_ARCHIVE);
  } finally {
    fs.closeSync(source.parent);
  }
}

const leftOut = (warn: CopyRequest['warn']) => (name: string, what: string) => warn(`${name} is left out: a ${what}`);

async function unpackFrom(source: Named, target: Named, owners: boolean, shift: number, warn: CopyRequest['warn']) {
  const layout = new Layout(target, owners, 0);
  try {
    const as = target.name === '.' ? 'rootfs' : `rootfs/${target.name}`;
    const options = { write: (bytes: Buffer) => layout.write(bytes), shift, leftOut: leftOut(warn) };
    await packEntry(source.parent, source.name, fromText(as), options);
    layout.write(END_OF_ARCHIVE);
    layout.finish();
  } finally {
    layout.close();
  }
}

function unpack(target: Named, owners: boolean, shift: number, read: (write: (bytes: Buffer) => void) => void): void {
  const layout = new Layout(target, owners, shift, true);
  try {
    read((bytes) => layout.write(bytes));
    layout.finish();
  } finally {
    layout.close();
  }
}

/** Lays an archive out below an open directory. */
class Layout {
  readonly #tree: ConfinedTree;
  readonly #target: ConstructorParameters<typeof Extractor>[0];
  readonly #extractor: Extractor;
  readonly #reader: TarReader;

  /** @param anyNames names do not begin with `rootfs` */
  constructor({ parent }: Named, setOwners: boolean, shift: number, anyNames = false) {
    const directories = new Directories(false);
    this.#tree = new ConfinedTree(native(), parent, directories);
    this.#target = { addon: native(), tree: this.#tree, directories, setOwners };
    this.#extractor = new Extractor(this.#target, undefined);
    this.#reader = new TarReader(anyNames ? belowRootfs(this.#extractor, shift) : this.#extractor);
  }

  write(bytes: Buffer): void {
    this.#reader.write(bytes);
  }

  finish(): void {
    this.#reader.finish();
    finishDirectories(this.#target);
  }

  close(): void {
    this.#extractor.abandon();
    this.#tree.close();
  }
}

/** Names of an archive as people make them, as those of an image. The top itself is there already. */
function belowRootfs(sink: Extractor, shift: number): TarSink {
  const below = (name: ByteString): ByteString => `rootfs/${name}` as ByteString;
  const isTop = ({ name }: TarEntry): boolean => /^(?:\.?\/*)*$/.test(name);
  let isSkipped = false;
  return {
    entry: (entry) => {
      isSkipped = isTop(entry);
      if (isSkipped) return;
      const linkName = entry.type === 'hardlink' ? below(entry.linkName) : entry.linkName;
      // An absolute name is refused as it is.
      const name = entry.name.startsWith('/') ? entry.name : below(entry.name);
      sink.entry({ ...entry, name, linkName, uid: entry.uid + shift, gid: entry.gid + shift });
    },
    data: (chunk) => void (isSkipped || sink.data(chunk)),
    hole: (size) => void (isSkipped || sink.hole(size)),
    fileEnd: () => void (isSkipped || sink.fileEnd()),
  };
}

/** What is copied; `.` and a slash at the end mean what is in a directory. */
function openSource(side: Exclude<Side, { kind: 'stream' }>): Named {
  const name = path.posix.basename(side.path);
  const isContents = /(?:^|\/)\.?$/.test(side.path) || name === '..' || side.path === '';
  if (isContents) return { parent: openIn(side, side.path, DIRECTORY), name: '.' };
  const parent = openIn(side, path.posix.dirname(side.path), DIRECTORY);
  try {
    fs.lstatSync(`/proc/self/fd/${parent}/${name}`);
    return { parent, name };
  } catch (error) {
    fs.closeSync(parent);
    throw missing(side, side.path, error);
  }
}

/** Where it goes: into a directory that is there, or under a name that may be new. */
function openTarget(side: Exclude<Side, { kind: 'stream' }>, sourceName: string): Named {
  const directory = openIfThere(side, side.path === '' ? '.' : side.path);
  if (directory !== undefined) return { parent: directory, name: sourceName };
  const name = path.posix.basename(side.path);
  if (side.path.endsWith('/') || name === '..' || name === '.')
    throw new PodctlError('copy-failed', `${shown(side, side.path)} is not a directory`);
  const parent = openIn(side, path.posix.dirname(side.path), DIRECTORY);
  if (sourceName !== '.') return { parent, name };
  // What is in a directory, or in an archive, needs one to go to.
  try {
    native().mkdirat(parent, name, 0o755);
    return { parent: native().openat2(parent, name, DIRECTORY | fs.constants.O_NOFOLLOW, 0, 0), name: '.' };
  } catch (error) {
    throw missing(side, side.path, error);
  } finally {
    fs.closeSync(parent);
  }
}

function openIfThere(side: Exclude<Side, { kind: 'stream' }>, at: string): number | undefined {
  try {
    return open(side, at, DIRECTORY);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw missing(side, at, error);
  }
}

function openIn(side: Exclude<Side, { kind: 'stream' }>, at: string, flags: number): number {
  try {
    return open(side, at, flags);
  } catch (error) {
    throw missing(side, at, error);
  }
}

/** Links on the way lead where they lead in the app's root, and never out of it, nor through /proc. */
const open = (side: Exclude<Side, { kind: 'stream' }>, at: string, flags: number): number =>
  side.kind === 'host'
    ? fs.openSync(at, flags)
    : native().openat2(side.root.fd, at, flags, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);

const shown = (side: Side, at: string): string => (side.kind === 'app' ? `${at} of the app` : at);

const missing = (side: Side, at: string, cause: unknown): PodctlError =>
  new PodctlError('copy-failed', `${shown(side, at)}: ${cause instanceof Error ? cause.message : cause}`, { cause });

function readAll(fd: number, write: (bytes: Buffer) => void): void {
  const chunk = Buffer.allocUnsafe(CHUNK);
  for (let size = fs.readSync(fd, chunk); size > 0; size = fs.readSync(fd, chunk)) write(chunk.subarray(0, size));
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) done += fs.writeSync(fd, bytes, done);
}
