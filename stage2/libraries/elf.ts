/** What an ELF file says of the libraries it needs (elf(5)). It comes from an image: every number in it may be a lie. */

/** Reads of a file: as many bytes as there are, at most `length`. */
export type ReadAt = (offset: number, length: number) => Uint8Array;

export interface ElfFacts {
  /** Class, byte order and machine: only what has the same can be loaded together. */
  readonly abi: string;
  /** The loader that the kernel executes for it (PT_INTERP). */
  readonly interpreter: string | undefined;
  readonly needed: readonly string[];
  /** Of DT_RPATH and DT_RUNPATH, as written. */
  readonly paths: readonly string[];
  readonly soname: string | undefined;
}

/** Real programs have about a dozen segments, a hundred dynamic entries and a few dozen libraries. */
const MAX_SEGMENTS = 256;
const MAX_DYNAMIC_BYTES = 64 * 1024;
const MAX_NEEDED = 256;
/** PATH_MAX; rpaths of several directories are the longest of what is read. */
const MAX_TEXT_BYTES = 4096;

const SEGMENT = { load: 1, dynamic: 2, interpreter: 3 } as const;
const TAG = { end: 0, needed: 1, strings: 5, soname: 14, rpath: 15, runpath: 29 } as const;

/** Where the fields are: of 64-bit files, and of 32-bit ones. */
const LAYOUTS = {
  2: { head: 64, table: 32, count: 54, segment: 56, offset: 8, address: 16, size: 32, entry: 16, word: 8 },
  1: { head: 52, table: 28, count: 42, segment: 32, offset: 4, address: 8, size: 16, entry: 8, word: 4 },
} as const;
type Layout = (typeof LAYOUTS)[1 | 2];

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

interface File {
  readonly read: ReadAt;
  readonly little: boolean;
  readonly layout: Layout;
}

/** Undefined if it is no ELF file, or none that can be understood. */
export function readElf(read: ReadAt): ElfFacts | undefined {
  const head = read(0, LAYOUTS[2].head);
  const layout = head[4] === 1 ? LAYOUTS[1] : head[4] === 2 ? LAYOUTS[2] : undefined;
  const isElf = head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c && head[3] === 0x46;
  if (!isElf || layout === undefined || head.length < layout.head || (head[5] !== 1 && head[5] !== 2)) return undefined;
  const file: File = { read, little: head[5] === 1, layout };
  const segments = segmentsOf(file, viewOf(head));
  if (segments === undefined) return undefined;
  const dynamic = dynamicOf(file, segments);
  const named = segments.find(({ type }) => type === SEGMENT.interpreter);
  const interpreter = named === undefined ? undefined : textAt(file, named.offset);
  if (dynamic === undefined || (named !== undefined && interpreter === undefined)) return undefined;
  return { abi: `${head[4]}/${head[5]}/${viewOf(head).getUint16(18, file.little)}`, interpreter, ...dynamic };
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Beyond 2^53 a number is not exact, and no file that large: what is read there is nothing. */
const wordAt = ({ layout, little }: File, view: DataView, at: number): number =>
  layout.word === 8 ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little);

function segmentsOf(file: File, head: DataView): readonly Segment[] | undefined {
  const { layout, little, read } = file;
  const count = head.getUint16(layout.count + 2, little);
  if (head.getUint16(layout.count, little) !== layout.segment || count > MAX_SEGMENTS) return undefined;
  const bytes = read(wordAt(file, head, layout.table), count * layout.segment);
  if (bytes.length !== count * layout.segment) return undefined;
  const view = viewOf(bytes);
  return Array.from({ length: count }, (_, index) => {
    const at = index * layout.segment;
    return {
      type: view.getUint32(at, little),
      offset: wordAt(file, view, at + layout.offset),
      address: wordAt(file, view, at + layout.address),
      size: wordAt(file, view, at + layout.size),
    };
  });
}

type Dynamic = Pick<ElfFacts, 'needed' | 'paths' | 'soname'>;

function dynamicOf(file: File, segments: readonly Segment[]): Dynamic | undefined {
  const segment = segments.find(({ type }) => type === SEGMENT.dynamic);
  if (segment === undefined) return { needed: [], paths: [], soname: undefined };
  const entries = segment.size > MAX_DYNAMIC_BYTES ? undefined : entriesOf(file, segment);
  const address = entries?.find(({ tag }) => tag === TAG.strings)?.value;
  if (entries === undefined || address === undefined) return undefined;
  const loaded = segments.find(
    (one) => one.type === SEGMENT.load && address >= one.address && address - one.address < one.size,
  );
  if (loaded === undefined) return undefined;
  const strings = loaded.offset + (address - loaded.address);
  const texts = (...tags: readonly number[]): readonly (string | undefined)[] =>
    entries.filter(({ tag }) => tags.includes(tag)).map(({ value }) => textAt(file, strings + value));
  const needed = texts(TAG.needed);
  const paths = texts(TAG.rpath, TAG.runpath);
  const [soname] = texts(TAG.soname);
  if (needed.length > MAX_NEEDED || !areTexts(needed) || !areTexts(paths)) return undefined;
  return { needed, paths, soname };
}

const areTexts = (list: readonly (string | undefined)[]): list is readonly string[] => !list.includes(undefined);

function entriesOf(file: File, { offset, size }: Segment): readonly { tag: number; value: number }[] | undefined {
  const { layout, read } = file;
  const bytes = read(offset, size);
  if (bytes.length !== size) return undefined;
  const view = viewOf(bytes);
  const entries = Array.from({ length: Math.floor(size / layout.entry) }, (_, index) => ({
    tag: wordAt(file, view, index * layout.entry),
    value: wordAt(file, view, index * layout.entry + layout.word),
  }));
  const end = entries.findIndex(({ tag }) => tag === TAG.end);
  return end < 0 ? undefined : entries.slice(0, end);
}

/** Up to its NUL. Undefined if it has no end, or bytes that no path in practice has and no terminal should see. */
function textAt({ read }: File, offset: number): string | undefined {
  const bytes = read(offset, MAX_TEXT_BYTES);
  const end = bytes.indexOf(0);
  if (end < 0) return undefined;
  const text = String.fromCharCode(...bytes.subarray(0, end));
  return /^[ -~]*$/.test(text) ? text : undefined;
}
