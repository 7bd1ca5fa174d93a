/** Reading one sparse file: its map, wherever it is, and then parts and holes in turn. */
import { PodctlError } from '#kernel/errors';
import type { PaxSparse } from './pax';
import { gnuPairs, LeadingMap, MAX_HOLE_BYTES, MAX_PARTS, type SparseMap, sparseMap } from './sparse';
import { invalidArchive, type TarEntry, type TarSink } from './tar-entry';
import { BLOCK, numberField } from './tar-fields';

/** GNU's old header: four pairs in the entry's own block, 21 in each block after it, and a flag that says if one more comes. */
const OLD = { pairs: 4, pairsAt: 386, moreAt: 482, realSizeAt: 483 } as const;
const OLD_MORE = { pairs: 21, pairsAt: 0, moreAt: 504 } as const;
const ZEROS = Buffer.alloc(64 * 1024);

type MapReader = { readonly kind: 'gnu' } | { readonly kind: 'leading'; readonly map: LeadingMap };

export class SparseContent {
  /** With the file's real size. */
  readonly entry: TarEntry;
  #stored: number;
  readonly #numbers: number[] = [];
  /** Undefined once the map is complete. */
  #reader: MapReader | undefined;
  #map: SparseMap | undefined;
  #part = 0;
  /** In the file. */
  #at = 0;

  /** @param entry as its header says, with the size it has in the archive. @param pax undefined for GNU's old format */
  constructor(entry: TarEntry, block: Buffer, pax: PaxSparse | undefined) {
    const { offset, name } = entry;
    this.#stored = entry.size;
    const realSize = pax === undefined ? numberField(block, OLD.realSizeAt, 12) : pax.realSize;
    if (realSize === undefined || realSize < 0)
      throw invalidArchive('a sparse file does not say how large it is', offset, name);
    this.entry = { ...entry, size: realSize };
    if (pax === undefined) this.#gnuBlock(block, OLD);
    else if (pax.major === 1) this.#reader = { kind: 'leading', map: new LeadingMap(offset) };
    else this.#complete(pax.numbers);
  }

  /** Whether the next block of the archive belongs to the map. */
  get wantsBlock(): boolean {
    return this.#reader !== undefined;
  }

  /** Bytes of the archive that are its content. */
  get stored(): number {
    return this.#stored;
  }

  /** @throws PodctlError `image-archive-invalid` */
  block(block: Buffer): void {
    if (this.#reader?.kind === 'gnu') this.#gnuBlock(block, OLD_MORE);
    else if (this.#reader?.kind === 'leading') {
      this.#stored -= BLOCK;
      if (this.#stored < 0) throw invalidArchive('the map of a sparse file is longer than the file', this.entry.offset);
      const numbers = this.#reader.map.block(block);
      if (numbers !== undefined) this.#complete(numbers);
    }
  }

  /** How many bytes of holes there are. Once the map is complete. */
  get holes(): number {
    return this.entry.size - this.#stored;
  }

  data(chunk: Buffer, sink: TarSink): void {
    for (let done = 0; done < chunk.length; ) {
      const part = this.#map?.parts[this.#part];
      if (part === undefined) throw invalidArchive('a sparse file has more content than its map', this.entry.offset);
      this.#holeTo(part.offset, sink);
      const size = Math.min(chunk.length - done, part.offset + part.size - this.#at);
      sink.data(chunk.subarray(done, done + size));
      done += size;
      this.#at += size;
      if (this.#at === part.offset + part.size) this.#part += 1;
    }
  }

  /** All parts were there. */
  end(sink: TarSink): void {
    this.#holeTo(this.entry.size, sink);
    sink.fileEnd();
  }

  #holeTo(offset: number, sink: TarSink): void {
    const size = offset - this.#at;
    if (size <= 0) return;
    this.#at = Math.max(this.#at, offset);
    if (sink.hole !== undefined) sink.hole(size);
    else
      for (let left = size; left > 0; left -= ZEROS.length) sink.data(ZEROS.subarray(0, Math.min(left, ZEROS.length)));
  }

  #gnuBlock(block: Buffer, { pairs, pairsAt, moreAt }: typeof OLD | typeof OLD_MORE): void {
    const numbers = gnuPairs(block, pairsAt, pairs);
    if (numbers === undefined || this.#numbers.length > 2 * MAX_PARTS) {
      const problem = numbers === undefined ? 'has a number that is none' : `has more than ${MAX_PARTS} parts`;
      throw invalidArchive(`the map of a sparse file ${problem}`, this.entry.offset);
    }
    this.#numbers.push(...numbers);
    if (block[moreAt] !== 0 && numbers.length === 2 * pairs) this.#reader = { kind: 'gnu' };
    else if (block[moreAt] !== 0)
      throw invalidArchive('the map of a sparse file ends before its end', this.entry.offset);
    else this.#complete(this.#numbers);
  }

  #complete(numbers: readonly number[]): void {
    this.#reader = undefined;
    this.#map = sparseMap(numbers, this.entry.size, this.#stored, this.entry.offset);
  }
}

/** Adds up the holes of an image. @throws PodctlError `image-too-large` */
export function addHoles(before: number, content: SparseContent): number {
  const holes = before + content.holes;
  if (holes <= MAX_HOLE_BYTES) return holes;
  throw new PodctlError(
    'image-too-large',
    `the sparse files of the image have more than ${MAX_HOLE_BYTES} bytes of holes`,
  );
}
