/** Lays the rootfs of one image over a tree: every type of entry, with all its metadata. */
import fs from 'node:fs';
import { isErrno } from '#kernel/errors';
import type { Addon, Metadata } from '../../stage1/native/index';
import { O_PATH, S_IFIFO } from '../files/linux';
import { type ByteString, display, toBytes } from './byte-string';
import { CONFINED, type ConfinedTree, type Place } from './confined';
import { checkDevice } from './device';
import type { Directories, DirectoryFacts } from './directories';
import { entryPath, hardLinkTarget, parentOf, refuse } from './entry-path';
import type { LinkPlan } from './links';
import type { TarEntry, TarSink } from './tar-entry';
import { isZero } from './tar-fields';
import type { PathFilter } from './whitelist';
import { parseWhiteout, type Whiteouts } from './whiteouts';
import { checkXattrs, isRendered } from './xattrs';

/** What an extraction writes to, shared by all images of a tree. */
export interface Target {
  readonly addon: Addon;
  readonly tree: ConfinedTree;
  readonly directories: Directories;
  /** False for an ordinary user (tests): everything belongs to them then. */
  readonly setOwners: boolean;
}

export interface Selection {
  readonly filter: PathFilter;
  readonly links: LinkPlan;
}

const PREFIX = 'rootfs/';
const { S_IFCHR } = fs.constants;
const CREATE = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL | fs.constants.O_NOFOLLOW;
const NOTHING = Buffer.alloc(0);
/** So many zeros in one piece become a hole: layers have them in place of those of sparse files (../image/docker/layer.ts). */
const HOLE_BYTES = 64 * 1024;

/** A file whose content is coming. */
interface OpenFile {
  readonly entry: TarEntry;
  readonly path: ByteString;
  readonly place: Place;
  /** -1 until it is known that the content comes in more than one piece. */
  fd: number;
  /** How much of the content there is. */
  at: number;
  hasHole: boolean;
  done: boolean;
}

export class Extractor implements TarSink {
  readonly #target: Target;
  readonly #selection: Selection | undefined;
  readonly #whiteouts: Whiteouts | 'applied' | undefined;
  #file: OpenFile | undefined;
  bytes = 0;
  entries = 0;

  /** @param whiteouts where those of a layer are gathered; undefined: the image is no layer */
  constructor(target: Target, selection: Selection | undefined, whiteouts?: Whiteouts | 'applied') {
    this.#target = target;
    this.#selection = selection;
    this.#whiteouts = whiteouts;
  }

  entry(entry: TarEntry): void {
    this.#file = undefined;
    const whole = entryPath(entry);
    if (whole !== 'rootfs' && !whole.startsWith(PREFIX)) return;
    if (this.#whiteouts !== undefined && this.#isWhiteout(whole.slice(PREFIX.length) as ByteString, entry)) return;
    const path = this.#wanted(whole, entry);
    if (path === undefined) return;
    checkXattrs(entry);
    this.entries += 1;
    this.#target.tree.trim();
    this.#create(path.slice(PREFIX.length) as ByteString, whole, entry);
  }

  data(chunk: Buffer): void {
    const file = this.#file;
    if (file === undefined) return;
    this.bytes += chunk.length;
    if (chunk.length >= HOLE_BYTES && isZero(chunk)) {
      this.hole(chunk.length);
      return;
    }
    if (file.fd < 0 && chunk.length === file.entry.size) {
      this.#putWhole(file, chunk);
      return;
    }
    if (file.fd < 0) this.#openFile(file);
    for (let done = 0; done < chunk.length; )
      done += fs.writeSync(file.fd, chunk, done, chunk.length - done, file.at + done);
    file.at += chunk.length;
  }

  /** Stays a hole on the disk. */
  hole(size: number): void {
    const file = this.#file;
    if (file === undefined) return;
    if (file.fd < 0) this.#openFile(file);
    file.at += size;
    file.hasHole = true;
  }

  fileEnd(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined || file.done) return;
    if (file.fd < 0) this.#putWhole(file, NOTHING);
    else this.#finishFile(file);
  }

  /** After a failure: closes what is open. */
  abandon(): void {
    if (this.#file !== undefined && this.#file.fd >= 0) fs.closeSync(this.#file.fd);
    this.#file = undefined;
  }

  #isWhiteout(path: ByteString, entry: TarEntry): boolean {
    const found = parseWhiteout(path, entry);
    if (found === undefined) return false;
    if (this.#whiteouts === undefined || this.#whiteouts === 'applied') return true;
    this.#whiteouts.add(found);
    this.#target.tree.trim();
    this.#target.tree.directory(parentOf(path));
    return true;
  }

  /** Where the entry goes, undefined if a whitelist leaves it out. */
  #wanted(path: ByteString, entry: TarEntry): ByteString | undefined {
    if (this.#selection === undefined) return path;
    const { filter, links } = this.#selection;
    const relative = path.slice(PREFIX.length) as ByteString;
    if (entry.type === 'directory' || entry.type === 'hardlink') {
      return filter(relative, entry.type === 'directory') ? path : undefined;
    }
    return links.contentPath(path);
  }

  #create(path: ByteString, whole: ByteString, entry: TarEntry): void {
    switch (entry.type) {
      case 'directory':
        this.#target.tree.directory(path);
        this.#target.directories.set(path, entry);
        return;
      case 'file':
        this.#file = { entry, path, place: this.#target.tree.place(path), fd: -1, at: 0, hasHole: false, done: false };
        return;
      case 'symlink':
        this.#symlink(path, entry);
        return;
      case 'hardlink':
        this.#hardLink(path, whole, entry);
        return;
      case 'fifo':
        this.#node(path, entry, S_IFIFO);
        return;
      case 'character':
      case 'block':
        checkDevice(entry);
        if (!this.#target.setOwners)
          throw refuse('image-device-refused', 'is a device node, which only root can make', entry);
        this.#node(path, entry, S_IFCHR);
        return;
    }
  }

  #putWhole(file: OpenFile, content: Buffer): void {
    const { entry, path, place } = file;
    const { addon, tree } = this.#target;
    tree.replace(path, place, () => addon.putFile(place.dirFd, place.name, content, ...this.#metadata(entry)));
    file.done = true;
    this.#setXattrs(place.dirFd, place.name, entry);
  }

  #openFile(file: OpenFile): void {
    const { addon, tree } = this.#target;
    const { dirFd, name } = file.place;
    tree.replace(file.path, file.place, () => {
      file.fd = addon.openat2(dirFd, name, CREATE, 0o600, CONFINED);
    });
  }

  #finishFile({ fd, entry, place, at, hasHole }: OpenFile): void {
    try {
      if (hasHole) fs.ftruncateSync(fd, at); // a hole may be the end
      this.#target.addon.setMetadata(fd, ...this.#metadata(entry));
    } finally {
      fs.closeSync(fd);
    }
    this.#setXattrs(place.dirFd, place.name, entry);
  }

  #symlink(path: ByteString, entry: TarEntry): void {
    const { addon, tree } = this.#target;
    const place = tree.place(path);
    tree.replace(path, place, () => addon.symlinkat(toBytes(entry.linkName), place.dirFd, place.name));
    this.#setOwnerAndTime(place, entry);
    this.#setXattrs(place.dirFd, place.name, entry);
  }

  #hardLink(path: ByteString, whole: ByteString, entry: TarEntry): void {
    const { addon, tree } = this.#target;
    const target = this.#selection?.links.target(whole) ?? hardLinkTarget(entry);
    if (target === whole) return; // it has the content already
    const missing = (): Error =>
      refuse('image-hardlink-escape', `is a hard link to ${display(target)}, which is not there`, entry);
    if (!target.startsWith(PREFIX)) throw missing();
    const place = tree.place(path);
    const from = tree.place(target.slice(PREFIX.length) as ByteString);
    try {
      tree.replace(path, place, () => addon.linkat(from.dirFd, from.name, place.dirFd, place.name));
    } catch (error) {
      throw isErrno(error, 'ENOENT', 'EPERM') ? missing() : error;
    }
  }

  /** A fifo or a character device. */
  #node(path: ByteString, entry: TarEntry, type: number): void {
    const { addon, tree } = this.#target;
    const place = tree.place(path);
    tree.replace(path, place, () => addon.mknodat(place.dirFd, place.name, type | 0o600, entry.major, entry.minor));
    this.#setOwnerAndTime(place, entry);
    // chmod follows links by name; through a descriptor of the node itself there is nothing to follow.
    const fd = addon.openat2(place.dirFd, place.name, O_PATH | fs.constants.O_NOFOLLOW, 0, CONFINED);
    try {
      if ((fs.fstatSync(fd).mode & fs.constants.S_IFMT) === type) fs.chmodSync(`/proc/self/fd/${fd}`, entry.mode);
    } finally {
      fs.closeSync(fd);
    }
    this.#setXattrs(place.dirFd, place.name, entry);
  }

  #setOwnerAndTime({ dirFd, name }: Place, entry: TarEntry): void {
    const { addon, setOwners } = this.#target;
    if (setOwners) addon.lchownat(dirFd, name, entry.uid, entry.gid);
    addon.utimensat(dirFd, name, entry.seconds, entry.nanoseconds);
  }

  #metadata({ uid, gid, mode, seconds, nanoseconds }: DirectoryFacts): Metadata {
    const { setOwners } = this.#target;
    return [setOwners ? uid : -1, setOwners ? gid : -1, mode, seconds, nanoseconds];
  }

  /** Last: chown clears file capabilities. */
  #setXattrs(dirFd: number, name: Buffer, { xattrs }: Pick<TarEntry, 'xattrs'>): void {
    for (const [attribute, value] of xattrs) {
      if (isRendered(attribute)) this.#target.addon.lsetxattrat(dirFd, name, toBytes(attribute), value);
    }
  }
}

const SELF = Buffer.from('.');

/** Gives every directory of the tree its owner, mode, time and attributes. */
export function finishDirectories({ addon, tree, directories, setOwners }: Target): void {
  directories.finish(tree, (fd, { uid, gid, mode, seconds, nanoseconds, xattrs }) => {
    addon.setMetadata(fd, setOwners ? uid : -1, setOwners ? gid : -1, mode, seconds, nanoseconds);
    for (const [attribute, value] of xattrs) {
      if (isRendered(attribute)) addon.lsetxattrat(fd, SELF, toBytes(attribute), value);
    }
  });
}
