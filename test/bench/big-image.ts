/**
 * A root filesystem as a program generates it, the same on every machine: 20,000 files, about 500 MB, with sizes and
 * compressibility like those of a distribution (most files small, most bytes in programs; text, machine code, compressed media).
 */
import type { TarItem } from '../fixtures/tar-writer';

const FILES = 20_000;
const DIRECTORIES = 2_000;
const SYMLINKS = 1_500;
/** Of the log-normal distribution of sizes: median, and the spread that makes the mean 25 kB. */
const MEDIAN_BYTES = 3_600;
const SPREAD = 1.98;
const MAX_BYTES = 24 * 1024 * 1024;

/** xorshift32: repeatable, and fast enough for megabytes. */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** 0 ≤ integer < limit */
  below(limit: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % limit;
  }

  /** 0 < number < 1 */
  fraction(): number {
    return (this.below(0xffff_fffe) + 1) / 0xffff_ffff;
  }

  normal(): number {
    return Math.sqrt(-2 * Math.log(this.fraction())) * Math.cos(2 * Math.PI * this.fraction());
  }
}

const POOL_BYTES = 16 * 1024 * 1024;
/** Of a hundred pieces, so many are followed by a phrase from at most so far back. */
const REPEATED = 20;
const FAR = 16 * 1024;

/** Pieces out of a vocabulary of which few are common and most are rare, as words and instructions are, and phrases said before. */
function vocabularyPool(dice: Dice, pieces: readonly Buffer[]): Buffer {
  const pool = Buffer.alloc(POOL_BYTES);
  for (let at = 0; at < POOL_BYTES; ) {
    const rank = Math.floor(pieces.length * dice.fraction() ** 3);
    at += pieces[rank]?.copy(pool, at) ?? 1;
    if (dice.below(100) >= REPEATED || at < FAR) continue;
    const phrase = at - 1 - dice.below(FAR);
    at += pool.copy(pool, at, phrase, phrase + Math.min(at - phrase, 8 + dice.below(48)));
  }
  return pool;
}

function pieces(dice: Dice, count: number, shortest: number, longest: number, byte: () => number): readonly Buffer[] {
  return Array.from({ length: count }, () =>
    Buffer.from(Array.from({ length: shortest + dice.below(longest - shortest) }, byte)),
  );
}

const LETTERS = 'etaoinshrdlucmfwypvbgkjqxz_(){};=.,"';

interface Pools {
  readonly text: Buffer;
  readonly code: Buffer;
  readonly noise: Buffer;
}

function pools(dice: Dice): Pools {
  const words = pieces(dice, 12_000, 2, 9, () => LETTERS.charCodeAt(dice.below(LETTERS.length)));
  const text = words.map((word) => Buffer.concat([word, Buffer.from(dice.below(8) === 0 ? '\n    ' : ' ')]));
  const instructions = pieces(dice, 6_000, 3, 12, () => dice.below(256));
  const noise = Buffer.from(Uint8Array.from({ length: POOL_BYTES }, () => dice.below(256)));
  return { text: vocabularyPool(dice, text), code: vocabularyPool(dice, instructions), noise };
}

function sizeOf(dice: Dice): number {
  return Math.min(MAX_BYTES, Math.floor(MEDIAN_BYTES * Math.exp(SPREAD * dice.normal())));
}

/**
 * Entries without `rootfs/` before their names, as an archiver walks a tree: each directory, what is in it, then the next. Contents are
 * views of one pool, for reading.
 */
export function* bigImage(): Generator<TarItem> {
  const dice = new Dice(0x706f6463);
  const pool = pools(dice);
  const directories = directoryNames(dice);
  const filesIn = new Map<string, number>();
  for (let file = 0; file < FILES; file += 1) {
    const directory = directories[dice.below(DIRECTORIES)] ?? 'usr';
    filesIn.set(directory, (filesIn.get(directory) ?? 0) + 1);
  }
  let index = 0;
  for (const directory of directories.sort()) {
    yield { name: `${directory}/`, mode: dice.below(50) === 0 ? 0o700 : 0o755 };
    for (const last = index + (filesIn.get(directory) ?? 0); index < last; index += 1) {
      yield* someFile(dice, pool, `${directory}/`, index);
    }
  }
}

function directoryNames(dice: Dice): string[] {
  const names = ['usr'];
  while (names.length < DIRECTORIES) {
    const parent = names[Math.floor(names.length * dice.fraction() ** 2)] ?? 'usr';
    if (parent.split('/').length < 10) names.push(`${parent}/d${names.length}`);
  }
  return names;
}

/** A file, sometimes with a link to it. */
function* someFile(dice: Dice, { text, code, noise }: Pools, directory: string, index: number): Generator<TarItem> {
  const size = sizeOf(dice);
  const kind = dice.below(100);
  const pool = kind < (size > 100_000 ? 15 : 60) ? text : kind < 90 ? code : noise;
  const from = dice.below(POOL_BYTES - 4096);
  // Larger than what is left of the pool: again and again, far beyond gzip's window.
  const content = size <= POOL_BYTES - from ? pool.subarray(from, from + size) : wrapped(pool, from, size);
  const mode = pool === code ? 0o755 : 0o644;
  const owner = dice.below(20) === 0 ? 1000 : 0;
  const mtime = 1_600_000_000 + dice.below(100_000_000);
  const name = `${directory}file-${index}`;
  yield { name, content, mode, uid: owner, gid: owner, mtime };
  if (index % Math.floor(FILES / SYMLINKS) === 0) {
    yield { name: `${directory}link-${index}`, type: '2', linkName: `file-${index}`, mode: 0o777 };
  }
  if (index % 200 === 0) yield { name: `${directory}same-${index}`, type: '1', linkName: name, mode };
}

function wrapped(pool: Buffer, from: number, size: number): Buffer {
  const content = Buffer.alloc(size);
  for (let at = 0, start = from; at < size; start = 0) at += pool.copy(content, at, start);
  return content;
}
