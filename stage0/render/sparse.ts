/**
 * Maps of sparse files: which parts of a file are in the archive, between holes. Three ways to write one are in use (GNU tar
 * manual, "Storing Sparse Files"): GNU's old header, PAX records (0.0 and 0.1), and PAX with the map before the content (1.0).
 */
import { invalidArchive } from './tar-entry';
import { numberField } from './tar-fields';

/** A database with a hole after every page of 4 KiB has this many parts with 256 MiB of content. */
export const MAX_PARTS = 65_536;
/** A hole costs nothing in the archive, but whoever copies or reads the file goes through it. Of all files of an image. */
export const MAX_HOLE_BYTES = 4 * 1024 ** 3;
/** Digits of a number in a map; more cannot be a safe integer. */
const MAX_DIGITS = 16;
const NEWLINE = 0x0a;

/** A part that is in the archive. */
export interface Part {
  readonly offset: number;
  readonly size: number;
}

export interface SparseMap {
  /** In order, without overlap. */
  readonly parts: readonly Part[];
  /** Of the file, holes included. */
  readonly realSize: number;
}

/** Checks what the archive claims. `stored`: bytes of content the archive has. @throws PodctlError `image-archive-invalid` */
export function sparseMap(numbers: readonly number[], realSize: number, stored: number, offset: number): SparseMap {
  const bad = (problem: string): Error => invalidArchive(`the map of a sparse file ${problem}`, offset);
  if (numbers.length % 2 !== 0) throw bad('is incomplete');
  if (numbers.length / 2 > MAX_PARTS) throw bad(`has more than ${MAX_PARTS} parts`);
  const parts: Part[] = [];
  let end = 0;
  let total = 0;
  for (let i = 0; i < numbers.length; i += 2) {
    const [start = 0, size = 0] = [numbers[i], numbers[i + 1]];
    if (start < end || start + size > realSize) throw bad('has parts that overlap, or lie beyond its end');
    end = start + size;
    total += size;
    if (size > 0) parts.push({ offset: start, size });
  }
  if (total !== stored) throw bad(`speaks of ${total} bytes where there are ${stored}`);
  return { parts, realSize };
}

/** GNU's old format: pairs of 12-byte numbers. An entry of zeros ends them. Undefined if a number is none. */
export function gnuPairs(block: Buffer, start: number, count: number): readonly number[] | undefined {
  const numbers: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const at = start + i * 24;
    if (block[at] === 0 && block[at + 12] === 0) break;
    const pair = [numberField(block, at, 12), numberField(block, at + 12, 12)] as const;
    for (const number of pair) {
      if (number === undefined || number < 0) return undefined;
      numbers.push(number);
    }
  }
  return numbers;
}

/** PAX 1.0: decimal numbers, one to a line, before the content, the first saying how many pairs follow. */
export class LeadingMap {
  readonly #numbers: number[] = [];
  readonly #offset: number;
  #digits = '';
  #wanted = 1;

  constructor(offset: number) {
    this.#offset = offset;
  }

  /** Takes one block; the numbers once they are complete, all but the count. @throws PodctlError `image-archive-invalid` */
  block(block: Buffer): readonly number[] | undefined {
    for (const byte of block) {
      if (byte === NEWLINE) this.#number();
      else if (byte >= 0x30 && byte <= 0x39 && this.#digits.length < MAX_DIGITS) this.#digits += byte - 0x30;
      else throw this.#bad('has a number that is none');
      if (this.#numbers.length === this.#wanted) return this.#numbers.slice(1);
    }
    return undefined;
  }

  #number(): void {
    const number = this.#digits === '' ? Number.NaN : Number(this.#digits);
    if (!Number.isSafeInteger(number)) throw this.#bad('has a number that is none');
    this.#digits = '';
    this.#numbers.push(number);
    if (this.#numbers.length > 1) return;
    if (number > MAX_PARTS) throw this.#bad(`has more than ${MAX_PARTS} parts`);
    this.#wanted = 1 + 2 * number;
  }

  #bad(problem: string): Error {
    return invalidArchive(`the map of a sparse file ${problem}`, this.#offset);
  }
}
