/**
 * Packs a directory tree as members of a tar below `rootfs`, in the order of names: the way back from a rendered tree to an
 * archive. Symbolic links are never followed, and nothing outside the tree is reached.
 */
import fs from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { isErrno, PodctlError } from '#kernel/errors';
import { type Addon, native } from '../../stage1/native/index';
import { RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS } from '../files/linux';
import { type ByteString, display, fromBytes, toBytes } from './byte-string';
import { device } from './copy-tree';
import { isHarmless } from './device';
import { MAX_DEPTH, MAX_PATH_BYTES } from './entry-path';
import type { EntryType } from './tar-entry';
import { memberHeader, paddingOf, type TarMember } from './tar-writer';
import { isRendered } from './xattrs';

const CHUNK = 256 * 1024;
const NOBODY = 65_534;
/** So that signals get their turn. */
const ENTRIES_PER_TURN = 1024;
const OPEN_DIRECTORY = fs.constants.O_RDONLY | fs.constants.O_DIRECTORY | fs.constants.O_NOFOLLOW;
const NO_XATTRS: ReadonlyMap<ByteString, Buffer> = new Map();

export interface PackOptions {
  /** Takes the archive's bytes in order; the buffer is used again afterwards. */
  write(bytes: Buffer): void;
  /** An entry that an image may not have: `what` is its kind, `name` is fit for a terminal. */
  leftOut(name: string, what: 'device' | 'socket'): void;
  /** Added to all user and group IDs. */
  readonly shift?: number;
  /** Asked now and then; throwing ends it. */
  pause?(): void;
}

/** @param rootFd an open directory; stays the caller's. @throws PodctlError `image-too-large` for a tree no image can hold */
export async function packTree(rootFd: number, options: PackOptions): Promise<void> {
  await new Packer(options, native()).pack(rootFd);
}

/**
 * The same of one entry of an open directory, and of all below it if it is a directory itself (`.`: the open one).
 * @param as its name in the archive
 */
export async function packEntry(parentFd: number, name: string, as: ByteString, options: PackOptions): Promise<void> {
  await new Packer(options, native()).packEntry(parentFd, Buffer.from(name), as);
}

class Packer {
  readonly #options: PackOptions;
  readonly #addon: Addon;
  readonly #chunk = Buffer.allocUnsafe(CHUNK);
  /** Where files with several names were first. */
  readonly #links = new Map<string, ByteString>();
  #entries = 0;

  constructor(options: PackOptions, addon: Addon) {
    this.#options = options;
    this.#addon = addon;
  }

  async pack(rootFd: number): Promise<void> {
    const name = 'rootfs' as ByteString;
    this.#member(`${name}/` as ByteString, 'directory', fs.fstatSync(rootFd, { bigint: true }), {
      xattrs: this.#xattrs(rootFd, Buffer.from('.')),
    });
    await this.#directory(rootFd, name, 1);
  }

  async packEntry(parentFd: number, name: Buffer, as: ByteString): Promise<void> {
    await this.#entry(parentFd, name, as, 1);
  }

  async #directory(fd: number, path: ByteString, depth: number): Promise<void> {
    if (depth > MAX_DEPTH) throw tooLarge(path, `is deeper than ${MAX_DEPTH} levels`);
    const names = fs.readdirSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' }).sort(Buffer.compare);
    for (const name of names) {
      const member = `${path}/${fromBytes(name)}` as ByteString;
      if (member.length > MAX_PATH_BYTES) throw tooLarge(member, `is longer than ${MAX_PATH_BYTES} bytes`);
      this.#entries += 1;
      if (this.#entries % ENTRIES_PER_TURN === 0) await this.#turn();
      await this.#entry(fd, name, member, depth);
    }
  }

  async #entry(parent: number, name: Buffer, path: ByteString, depth: number): Promise<void> {
    const stat = fs.lstatSync(Buffer.concat([Buffer.from(`/proc/self/fd/${parent}/`), name]), { bigint: true });
    if (stat.isCharacterDevice() || stat.isBlockDevice()) return this.#node(parent, name, path, stat);
    if (stat.isSocket()) return this.#options.leftOut(display(path), 'socket');
    if (stat.isDirectory()) {
      const xattrs = this.#xattrs(parent, name);
      this.#member(`${path}/` as ByteString, 'directory', stat, { xattrs });
      const fd = this.#open(parent, name, OPEN_DIRECTORY);
      try {
        await this.#directory(fd, path, depth + 1);
      } finally {
        fs.closeSync(fd);
      }
      return;
    }
    const first = this.#firstName(stat, path);
    if (first !== undefined) return this.#member(path, 'hardlink', stat, { linkName: first });
    if (stat.isSymbolicLink()) {
      const linkName = fromBytes(this.#addon.readlinkat(parent, name));
      return this.#member(path, 'symlink', stat, { linkName, xattrs: this.#xattrs(parent, name) });
    }
    const xattrs = this.#xattrs(parent, name);
    if (!stat.isFile()) return this.#member(path, 'fifo', stat, { xattrs });
    await this.#file(parent, name, path, stat, xattrs);
  }

  #node(parent: number, name: Buffer, path: ByteString, stat: fs.BigIntStats): void {
    const [major, minor] = device(stat.rdev);
    if (!stat.isCharacterDevice() || !isHarmless(major, minor)) this.#options.leftOut(display(path), 'device');
    else this.#member(path, 'character', stat, { major, minor, xattrs: this.#xattrs(parent, name) });
  }

  /** Undefined if this is the first name of a file, or its only one. */
  #firstName(stat: fs.BigIntStats, path: ByteString): ByteString | undefined {
    if (stat.nlink === 1n) return undefined;
    const key = `${stat.dev}:${stat.ino}`;
    const first = this.#links.get(key);
    if (first === undefined) this.#links.set(key, path);
    return first;
  }

  async #file(
    parent: number,
    name: Buffer,
    path: ByteString,
    stat: fs.BigIntStats,
    xattrs: TarMember['xattrs'],
  ): Promise<void> {
    const size = Number(stat.size);
    this.#member(path, 'file', stat, { size, xattrs });
    // Of a tree that somebody changes meanwhile, a fifo may be in its place by now.
    const fd = this.#open(parent, name, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK);
    try {
      if (!fs.fstatSync(fd).isFile()) throw new PodctlError('io', `${display(path)} changed while it was read`);
      for (let left = size; left > 0; ) {
        const got = fs.readSync(fd, this.#chunk, 0, Math.min(CHUNK, left), null);
        if (got === 0) throw new PodctlError('io', `${display(path)} became shorter while it was read`);
        this.#options.write(this.#chunk.subarray(0, got));
        left -= got;
        if (left > 0) await this.#turn();
      }
    } finally {
      fs.closeSync(fd);
    }
    this.#options.write(paddingOf(size));
  }

  #member(name: ByteString, type: EntryType, stat: fs.BigIntStats, more: Partial<TarMember>): void {
    const seconds = stat.mtimeNs < 0n ? (stat.mtimeNs - 999_999_999n) / 1_000_000_000n : stat.mtimeNs / 1_000_000_000n;
    const member: TarMember = {
      name,
      type,
      size: 0,
      mode: Number(stat.mode & 0o7777n),
      uid: this.#shifted(stat.uid),
      gid: this.#shifted(stat.gid),
      seconds: Number(seconds),
      nanoseconds: Number(stat.mtimeNs - seconds * 1_000_000_000n),
      linkName: '' as ByteString,
      xattrs: NO_XATTRS,
      ...more,
    };
    this.#options.write(memberHeader(member));
  }

  /** An ID that nobody has there is nobody's. */
  #shifted(id: bigint): number {
    const shifted = Number(id) + (this.#options.shift ?? 0);
    return shifted < 0 ? NOBODY : shifted;
  }

  #xattrs(parent: number, name: Buffer): ReadonlyMap<ByteString, Buffer> {
    const found = new Map<ByteString, Buffer>();
    for (const attribute of this.#list(parent, name)) {
      const key = fromBytes(attribute);
      if (isRendered(key) && !key.startsWith('user.overlay.'))
        found.set(key, this.#addon.lgetxattrat(parent, name, attribute));
    }
    return found.size === 0 ? NO_XATTRS : found;
  }

  #list(parent: number, name: Buffer): readonly Buffer[] {
    try {
      return this.#addon.llistxattrat(parent, name);
    } catch (error) {
      if (isErrno(error, 'ENOTSUP', 'EOPNOTSUPP')) return [];
      throw error;
    }
  }

  #open(parent: number, name: Buffer, flags: number): number {
    return this.#addon.openat2(parent, name, flags, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
  }

  async #turn(): Promise<void> {
    await setImmediate();
    this.#options.pause?.();
  }
}

const tooLarge = (path: ByteString, problem: string): PodctlError =>
  new PodctlError(
    'image-too-large',
    `${display(toBytes(path).length > 200 ? (path.slice(0, 200) as ByteString) : path)} ${problem}`,
  );
