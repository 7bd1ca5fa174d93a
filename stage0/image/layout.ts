/**
 * What an ACI may contain (appc A2, A3), checked while the archive streams past, before any of it is used: `manifest`, and
 * `rootfs` with everything below. It does not touch the disk. Rendering confines itself again and relies on none of this.
 */
import { PodctlError } from '#kernel/errors';
import { type ByteString, display } from '../render/byte-string';
import { checkDevice } from '../render/device';
import { entryPath, hardLinkTarget, parentOf, refuse } from '../render/entry-path';
import { invalidArchive, type TarEntry, type TarSink } from '../render/tar-entry';
import { checkXattrs } from '../render/xattrs';
import { MAX_MANIFEST_BYTES } from './manifest';

/** Each entry costs memory here and an inode later; the largest images in use have some 400,000. */
const MAX_ENTRIES = 1_000_000;

/** `implicit`: a directory the archive has no entry for, only something below it. */
type Kind = 'directory' | 'implicit' | 'symlink' | 'other';

const MANIFEST = 'manifest' as ByteString;
const ROOTFS = 'rootfs' as ByteString;

export class ArchiveLayout implements TarSink {
  readonly #kinds = new Map<ByteString, Kind>();
  #entries = 0;
  #manifest: Buffer[] | undefined;
  #inManifest = false;

  entry(entry: TarEntry): void {
    this.#entries += 1;
    if (this.#entries > MAX_ENTRIES) {
      throw new PodctlError('image-too-large', `the image has more than ${MAX_ENTRIES} entries`);
    }
    const path = entryPath(entry);
    this.#inManifest = path === MANIFEST;
    if (path === '') {
      this.#checkTop(entry);
      return;
    }
    this.#checkPlace(path, entry);
    this.#checkParents(path, entry);
    this.#add(path, entry);
    checkXattrs(entry);
  }

  data(chunk: Buffer): void {
    if (this.#inManifest) this.#manifest?.push(Buffer.from(chunk));
  }

  hole(): void {
    // Only a file of rootfs has holes.
  }

  fileEnd(): void {
    this.#inManifest = false;
  }

  /**
   * The manifest's bytes, once the whole archive has been seen.
   * @throws PodctlError `image-manifest-missing`, `image-layout-invalid`
   */
  finish(): Buffer {
    const manifest = this.manifest();
    if (manifest === undefined) {
      throw new PodctlError('image-manifest-missing', 'the archive has no file "manifest" at its top');
    }
    if (!this.#kinds.has(ROOTFS)) {
      throw new PodctlError('image-layout-invalid', 'the archive has no directory "rootfs" at its top');
    }
    return manifest;
  }

  /** What there is of it so far. */
  manifest(): Buffer | undefined {
    return this.#manifest === undefined ? undefined : Buffer.concat(this.#manifest);
  }

  #checkTop(entry: TarEntry): void {
    if (entry.type !== 'directory') throw refuse('image-layout-invalid', 'is not a directory but names the top', entry);
  }

  #checkPlace(path: ByteString, entry: TarEntry): void {
    if (path === MANIFEST) {
      if (entry.type !== 'file')
        throw refuse('image-layout-invalid', `is a ${entry.type}, it must be a regular file`, entry);
      if (entry.sparse) throw refuse('image-layout-invalid', 'is a sparse file, it must be an ordinary one', entry);
      if (entry.size > MAX_MANIFEST_BYTES) {
        throw new PodctlError(
          'image-manifest-invalid',
          `the image manifest is larger than ${MAX_MANIFEST_BYTES} bytes`,
        );
      }
    } else if (path === ROOTFS) {
      if (entry.type !== 'directory')
        throw refuse('image-layout-invalid', `is a ${entry.type}, it must be a directory`, entry);
    } else if (!path.startsWith('rootfs/')) {
      throw refuse('image-layout-invalid', 'is neither "manifest" nor in "rootfs/"', entry);
    }
  }

  #checkParents(path: ByteString, entry: TarEntry): void {
    for (let parent = parentOf(path); parent !== ''; parent = parentOf(parent)) {
      const kind = this.#kinds.get(parent);
      if (kind === 'directory' || kind === 'implicit') return;
      if (kind === 'symlink') {
        throw refuse('image-symlink-escape', `lies below ${display(parent)}, a symbolic link of the same image`, entry);
      }
      if (kind === 'other')
        throw invalidArchive(`it lies below ${display(parent)}, which is no directory`, entry.offset, entry.name);
      this.#kinds.set(parent, 'implicit');
    }
  }

  #add(path: ByteString, entry: TarEntry): void {
    const kind = this.#kindOf(entry);
    const before = this.#kinds.get(path);
    if (before === 'implicit' && kind === 'symlink') {
      throw refuse('image-symlink-escape', 'is a symbolic link, but other entries lie below it', entry);
    }
    if (before === 'implicit' && kind === 'other') {
      throw invalidArchive('it is no directory, but other entries lie below it', entry.offset, entry.name);
    }
    if (before !== undefined && before !== 'implicit') throw refuse('image-entry-duplicate', 'is there twice', entry);
    this.#kinds.set(path, kind);
    if (path === MANIFEST) this.#manifest = [];
  }

  #kindOf(entry: TarEntry): Kind {
    switch (entry.type) {
      case 'directory':
        return 'directory';
      case 'file':
      case 'fifo':
        return 'other';
      case 'symlink':
        if (entry.linkName === '') throw invalidArchive('a symbolic link has no target', entry.offset, entry.name);
        return 'symlink';
      case 'character':
      case 'block':
        checkDevice(entry);
        return 'other';
      case 'hardlink':
        return this.#kindOfTarget(entry);
    }
  }

  /** A hard link to a symbolic link is a symbolic link. */
  #kindOfTarget(entry: TarEntry): Kind {
    const target = hardLinkTarget(entry);
    const kind = this.#kinds.get(target);
    if (target.startsWith('rootfs/') && (kind === 'other' || kind === 'symlink')) return kind;
    throw refuse('image-hardlink-escape', `is a hard link to ${display(target)}, no earlier file of rootfs`, entry);
  }
}
