/**
 * A tar reader that is fed chunks and calls a sink, all synchronously: one pass, no copies of file content, no promise per
 * entry. Formats: v7, ustar, GNU (long names, base-256 numbers, sparse), PAX. It reads strictly: what two readers could understand
 * differently (data after the end, sizes on links, stacked extension headers) is refused.
 */
import { PaxError, type PaxFields, readPax } from './pax';
import { addHoles, SparseContent } from './sparse-content';
import { invalidArchive, type TarSink } from './tar-entry';
import { BLOCK, checksum, isZero, numberField, storedChecksum, textField } from './tar-fields';
import { type Pending, parseEntry } from './tar-header';

/** The kernel takes no path longer than PATH_MAX; GNU tar writes the NUL as well. */
const MAX_GNU_NAME_BYTES = 4096;
/** Room for a long name, a long link and XATTR_SIZE_MAX of attributes; the header is held in memory. */
const MAX_PAX_BYTES = 1024 * 1024;

const MAX_EXTENSION_BYTES: ReadonlyMap<string, number> = new Map([
  ['x', MAX_PAX_BYTES],
  ['g', MAX_PAX_BYTES],
  ['L', MAX_GNU_NAME_BYTES],
  ['K', MAX_GNU_NAME_BYTES],
]);
type State =
  | { readonly at: 'header' }
  /** Content of a file, then padding. */
  | { readonly at: 'file'; remaining: number; readonly padding: number; readonly sparse: SparseContent | undefined }
  /** Content of an extension header, collected. */
  | { readonly at: 'extension'; readonly flag: string; readonly body: Buffer; filled: number; readonly padding: number }
  | { readonly at: 'padding'; remaining: number }
  /** The end marker was read; only zeros may follow. */
  | { readonly at: 'end' };

const padding = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK;
const nothingPending = (): Pending => ({ seen: new Set(), pax: {} });

export class TarReader {
  readonly #sink: TarSink;
  readonly #block = Buffer.alloc(BLOCK);
  #filled = 0;
  #offset = 0;
  #zeroBlocks = 0;
  #state: State = { at: 'header' };
  #pending = nothingPending();
  #global: PaxFields = {};
  /** A sparse file whose map is being read. */
  #mapping: SparseContent | undefined;
  #holes = 0;

  readonly #mayBeOpen: boolean;

  /** @param mayBeOpen an archive that stops between two entries is complete, too: programs write such layers */
  constructor(sink: TarSink, mayBeOpen = false) {
    this.#sink = sink;
    this.#mayBeOpen = mayBeOpen;
  }

  /** @throws PodctlError `image-archive-invalid`, and whatever the sink throws */
  write(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      const taken = this.#take(chunk, at);
      at += taken;
      this.#offset += taken;
    }
  }

  /** No more bytes come. @throws PodctlError `image-archive-invalid` if the archive is cut short */
  finish(): void {
    if (this.#state.at === 'end') return;
    if (this.#mayBeOpen && this.#isBetweenEntries()) return;
    throw invalidArchive(
      this.#offset === 0 ? 'it is empty' : 'it is truncated: the end-of-archive marker is missing',
      this.#offset,
    );
  }

  #isBetweenEntries(): boolean {
    return (
      this.#state.at === 'header' && this.#filled === 0 && this.#pending.seen.size === 0 && this.#mapping === undefined
    );
  }

  /** Consumes some bytes of `chunk` from `at` on, at least one, and says how many. */
  #take(chunk: Buffer, at: number): number {
    const state = this.#state;
    const available = chunk.length - at;
    switch (state.at) {
      case 'header':
        return this.#takeHeader(chunk, at, available);
      case 'file': {
        const size = Math.min(available, state.remaining);
        if (state.sparse === undefined) this.#sink.data(chunk.subarray(at, at + size));
        else state.sparse.data(chunk.subarray(at, at + size), this.#sink);
        state.remaining -= size;
        if (state.remaining === 0) this.#endFile(state.padding, state.sparse);
        return size;
      }
      case 'extension': {
        const size = Math.min(available, state.body.length - state.filled);
        chunk.copy(state.body, state.filled, at, at + size);
        state.filled += size;
        if (state.filled === state.body.length) {
          this.#extend(state.flag, state.body);
          this.#pad(state.padding);
        }
        return size;
      }
      case 'padding': {
        const size = Math.min(available, state.remaining);
        state.remaining -= size;
        if (state.remaining === 0) this.#state = { at: 'header' };
        return size;
      }
      case 'end':
        if (!isZero(chunk.subarray(at))) throw invalidArchive('there is data after its end', this.#offset);
        return available;
    }
  }

  #takeHeader(chunk: Buffer, at: number, available: number): number {
    if (this.#filled === 0 && available >= BLOCK) {
      this.#header(chunk.subarray(at, at + BLOCK), this.#offset);
      return BLOCK;
    }
    const size = Math.min(available, BLOCK - this.#filled);
    chunk.copy(this.#block, this.#filled, at, at + size);
    this.#filled += size;
    if (this.#filled === BLOCK) {
      this.#filled = 0;
      this.#header(this.#block, this.#offset + size - BLOCK);
    }
    return size;
  }

  #pad(size: number): void {
    this.#state = size === 0 ? { at: 'header' } : { at: 'padding', remaining: size };
  }

  #endFile(padded: number, sparse: SparseContent | undefined): void {
    if (sparse === undefined) this.#sink.fileEnd();
    else sparse.end(this.#sink);
    this.#pad(padded);
  }

  #header(block: Buffer, offset: number): void {
    if (this.#mapping !== undefined) {
      this.#mapping.block(block);
      this.#sparse(this.#mapping);
      return;
    }
    if (isZero(block)) {
      if (this.#pending.seen.size > 0) throw invalidArchive('it ends after an extension header', offset);
      this.#zeroBlocks += 1;
      if (this.#zeroBlocks === 2) this.#state = { at: 'end' };
      return;
    }
    const sum = storedChecksum(block);
    if (sum !== checksum(block)) {
      throw invalidArchive(offset === 0 ? 'it is not a tar archive' : 'the checksum of a header is wrong', offset);
    }
    if (this.#zeroBlocks > 0) throw invalidArchive('an entry follows the end-of-archive marker', offset);
    const flag = block.toString('latin1', 156, 157);
    const limit = MAX_EXTENSION_BYTES.get(flag);
    if (limit === undefined) this.#entry(block, flag, offset);
    else this.#beginExtension(block, flag, limit, offset);
  }

  #beginExtension(block: Buffer, flag: string, limit: number, offset: number): void {
    const size = numberField(block, 124, 12);
    if (size === undefined || size <= 0)
      throw invalidArchive(`an extension header of type "${flag}" has no valid size`, offset);
    if (size > limit)
      throw invalidArchive(`an extension header of ${size} bytes is larger than the limit of ${limit}`, offset);
    if (this.#pending.seen.has(flag)) throw invalidArchive(`there are two "${flag}" headers for one entry`, offset);
    this.#pending.seen.add(flag);
    this.#state = { at: 'extension', flag, body: Buffer.alloc(size), filled: 0, padding: padding(size) };
  }

  #extend(flag: string, body: Buffer): void {
    if (flag === 'L') this.#pending.name = textField(body, 0, body.length);
    else if (flag === 'K') this.#pending.linkName = textField(body, 0, body.length);
    else this.#readPax(body, flag === 'g');
  }

  #readPax(body: Buffer, isGlobal: boolean): void {
    try {
      readPax(body, isGlobal ? this.#global : this.#pending.pax);
    } catch (error) {
      if (error instanceof PaxError) throw invalidArchive(error.message, this.#offset);
      throw error;
    }
    const { path, linkPath, size, sparse } = this.#global;
    if ((path ?? linkPath ?? size ?? sparse) !== undefined) {
      throw invalidArchive('a global PAX header gives a name or size to every entry', this.#offset);
    }
  }

  #entry(block: Buffer, flag: string, offset: number): void {
    const pending = this.#pending;
    this.#pending = nothingPending();
    const entry = parseEntry(block, flag, offset, pending, this.#global);
    if (entry.sparse) {
      const pax = pending.pax.sparse;
      this.#sparse(new SparseContent(entry, block, pax));
      return;
    }
    this.#sink.entry(entry);
    if (entry.type === 'file') this.#beginFile(entry.size, undefined);
  }

  /** Its map may be in blocks of its own. */
  #sparse(content: SparseContent): void {
    this.#mapping = content.wantsBlock ? content : undefined;
    if (content.wantsBlock) return;
    this.#holes = addHoles(this.#holes, content);
    this.#sink.entry(content.entry);
    this.#beginFile(content.stored, content);
  }

  #beginFile(size: number, sparse: SparseContent | undefined): void {
    if (size === 0) this.#endFile(0, sparse);
    else this.#state = { at: 'file', remaining: size, padding: padding(size), sparse };
  }
}
