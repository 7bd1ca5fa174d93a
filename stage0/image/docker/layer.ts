/**
 * A layer's tar on its way to becoming an ACI: each entry checked, named below `rootfs/`, and written again. The result is the
 * same for the same layer wherever and whenever it is converted. Whiteouts stay entries of their names (`.wh.NAME`), which
 * rendering understands in an image that says it is a layer.
 *
 * Of what layers have and ACIs must not: a name may come twice (the last one counts), hard links may lead to files of layers
 * below, `/NAME` means `NAME`. Device nodes in `dev/` are left out: every app has a /dev of its own.
 */
import { PodctlError } from '#kernel/errors';
import { type ByteString, display } from '../../render/byte-string';
import { checkDevice, isHarmless } from '../../render/device';
import { baseOf, normalise, parentOf, refuse } from '../../render/entry-path';
import { type LayerFacts, told } from '../../render/layer-facts';
import { invalidArchive, type TarEntry, type TarSink } from '../../render/tar-entry';
import { END_OF_ARCHIVE, memberHeader, paddingOf } from '../../render/tar-writer';
import { parseWhiteout } from '../../render/whiteouts';
import { checkXattrs } from '../../render/xattrs';
import { layerManifest } from './manifest';

/** Each entry costs memory here and an inode later; the largest images in use have some 400,000. */
const MAX_ENTRIES = 1_000_000;
const ZEROS = Buffer.alloc(64 * 1024);
const NO_NAME = '' as ByteString;

type Kind = 'directory' | 'implicit' | 'symlink' | 'other';

export class LayerConverter implements TarSink {
  readonly #write: (bytes: Buffer) => void;
  readonly #kinds = new Map<ByteString, Kind>();
  #entries = 0;
  #links = false;
  #opaque = false;
  readonly #hiding = new Set<ByteString>();
  /** Bytes of content still to come, and the zeros behind it; -1 while an entry is left out. */
  #size = -1;

  /**
   * @param write takes the bytes of the ACI in order; views of its input, to be used at once
   */
  constructor(write: (bytes: Buffer) => void) {
    this.#write = write;
    write(aciStart());
  }

  entry(entry: TarEntry): void {
    this.#entries += 1;
    if (this.#entries > MAX_ENTRIES)
      throw new PodctlError('image-too-large', `a layer of the image has more than ${MAX_ENTRIES} entries`);
    this.#size = -1;
    const path = layerPath(entry, entry.name);
    if (path === '') {
      if (entry.type !== 'directory')
        throw refuse('image-layout-invalid', 'is not a directory but names the top', entry);
      return;
    }
    const whiteout = parseWhiteout(path, entry);
    if (whiteout === undefined) this.#add(path, entry);
    else {
      this.#parents(path, entry);
      if (whiteout.kind === 'opaque' && whiteout.path === '') this.#opaque = true;
      if (whiteout.kind === 'hide' && parentOf(path) !== '') this.#hiding.add(parentOf(path));
      this.#put({ ...entry, type: 'file', size: 0, xattrs: new Map() }, path, NO_NAME);
      this.#size = -1; // whatever is in it says nothing
    }
  }

  data(chunk: Buffer): void {
    if (this.#size < 0) return;
    this.#write(chunk);
  }

  /** The ACI has zeros there, of which rendering makes holes again. */
  hole(size: number): void {
    if (this.#size < 0) return;
    for (let left = size; left > 0; left -= ZEROS.length) this.#write(ZEROS.subarray(0, Math.min(left, ZEROS.length)));
  }

  fileEnd(): void {
    if (this.#size > 0) this.#write(paddingOf(this.#size));
    this.#size = -1;
  }

  /** The layer is complete: its manifest follows, since it tells what was found. */
  finish(diffId: string): Buffer {
    const implicit = [...this.#kinds].flatMap(([path, kind]) => (kind === 'implicit' ? [path] : []));
    const facts: LayerFacts = {
      links: this.#links,
      implicit: told(implicit),
      hiding: told(this.#hiding),
      opaque: this.#opaque,
    };
    const manifest = layerManifest(diffId, facts);
    this.#write(aciEnd(manifest));
    return manifest;
  }

  #add(path: ByteString, entry: TarEntry): void {
    this.#parents(path, entry);
    checkXattrs(entry);
    switch (entry.type) {
      case 'character':
      case 'block':
        if (path.startsWith('dev/') && !(entry.type === 'character' && isHarmless(entry.major, entry.minor))) return;
        checkDevice(entry);
        this.#set(path, 'other', entry);
        this.#put(entry, path, NO_NAME);
        return;
      case 'hardlink':
        this.#hardLink(path, entry);
        return;
      case 'symlink':
        if (entry.linkName === '') throw invalidArchive('a symbolic link has no target', entry.offset, entry.name);
        this.#set(path, 'symlink', entry);
        this.#put(entry, path, entry.linkName);
        return;
      default:
        this.#set(path, entry.type === 'directory' ? 'directory' : 'other', entry);
        this.#put(entry, path, NO_NAME);
    }
  }

  #hardLink(path: ByteString, entry: TarEntry): void {
    const target = layerPath(entry, entry.linkName);
    const kind = this.#kinds.get(target);
    if (target === '' || target === path || kind === 'directory' || kind === 'implicit')
      throw refuse('image-hardlink-escape', `is a hard link to ${display(entry.linkName)}, which is no file`, entry);
    if (kind === undefined) this.#links = true;
    this.#set(path, kind ?? 'other', entry);
    this.#put(entry, path, `rootfs/${target}` as ByteString);
  }

  /** @throws PodctlError `image-symlink-escape` if the way leads through a link, `image-archive-invalid` if through a file */
  #parents(path: ByteString, entry: TarEntry): void {
    for (let parent = parentOf(path); parent !== ''; parent = parentOf(parent)) {
      const kind = this.#kinds.get(parent);
      if (kind === 'directory' || kind === 'implicit') return;
      if (kind === 'symlink')
        throw refuse('image-symlink-escape', `lies below ${display(parent)}, a symbolic link of the same layer`, entry);
      if (kind === 'other')
        throw invalidArchive(`it lies below ${display(parent)}, which is no directory`, entry.offset, entry.name);
      this.#kinds.set(parent, 'implicit');
    }
  }

  /** Of two entries of one name the last counts; but what would become of what lies below a directory? */
  #set(path: ByteString, kind: Kind, entry: TarEntry): void {
    const before = this.#kinds.get(path);
    if (kind !== 'directory' && (before === 'directory' || before === 'implicit'))
      throw refuse('image-entry-duplicate', 'is there twice in one layer, and once a directory', entry);
    this.#kinds.set(path, kind);
  }

  #put(entry: TarEntry, path: ByteString, linkName: ByteString): void {
    const { type, size } = entry;
    const name = `rootfs/${path}${type === 'directory' ? '/' : ''}` as ByteString;
    this.#write(memberHeader({ ...entry, name, linkName }));
    this.#size = type === 'file' ? size : -1;
  }
}

const PLAIN = { uid: 0, gid: 0, seconds: 0, nanoseconds: 0, linkName: NO_NAME, xattrs: new Map<ByteString, Buffer>() };

const TOP = { ...PLAIN, name: 'rootfs/' as ByteString, type: 'directory', mode: 0o755, size: 0 } as const;

/** The ACI of a layer before its entries. */
export const aciStart = (): Buffer => memberHeader(TOP);

/** And after them. */
export function aciEnd(manifest: Buffer): Buffer {
  const { length: size } = manifest;
  const header = memberHeader({ ...PLAIN, name: 'manifest' as ByteString, type: 'file', mode: 0o644, size });
  return Buffer.concat([header, manifest, paddingOf(size), END_OF_ARCHIVE]);
}

/** @throws PodctlError `image-path-escape`, `image-archive-invalid` */
function layerPath(entry: TarEntry, written: ByteString): ByteString {
  const result = normalise(written.replace(/^\/+/, '') as ByteString);
  if ('path' in result) return result.path;
  if (result.problem === 'too-long')
    throw invalidArchive('a name is longer or deeper than Linux allows', entry.offset, entry.name);
  throw refuse('image-path-escape', `leads out of the layer with ".." (${display(baseOf(written))})`, entry);
}
