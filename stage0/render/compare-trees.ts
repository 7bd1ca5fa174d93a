/**
 * Compares two directory trees as a program in a pod would see them: names, types, contents, modes, owners, modification times,
 * link targets, which names are one file, device numbers, and the extended attributes that are rendered. Nothing outside the
 * trees is reached, whatever is in them.
 */
import fs from 'node:fs';
import { isErrno } from '#kernel/errors';
import { type Addon, native } from '../../stage1/native/index';
import { RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS } from '../files/linux';
import { type ByteString, display, fromBytes } from './byte-string';
import { isRendered } from './xattrs';

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = fs.constants;
const CHUNK = 256 * 1024;
const ENTRIES_PER_TURN = 1024;

/** `path` is fit for a terminal; "/" is the root. */
export interface Difference {
  readonly path: string;
  readonly what: string;
}

/**
 * Differences of `actual` from `expected`, at most `limit`. Both are open directories; they stay the caller's.
 */
export async function compareTrees(actual: number, expected: number, limit: number): Promise<readonly Difference[]> {
  const comparison = new Comparison(native(), limit);
  await comparison.roots(actual, expected);
  return comparison.found;
}

interface Pair {
  readonly actual: number;
  readonly expected: number;
}

class Comparison {
  readonly found: Difference[] = [];
  readonly #addon: Addon;
  readonly #limit: number;
  readonly #chunks = [Buffer.allocUnsafe(CHUNK), Buffer.allocUnsafe(CHUNK)] as const;
  /** Inode of the expected tree → that of the actual one, for files with several names. */
  readonly #links = new Map<bigint, bigint>();
  #entries = 0;

  constructor(addon: Addon, limit: number) {
    this.#addon = addon;
    this.#limit = limit;
  }

  async roots(actual: number, expected: number): Promise<void> {
    const stat = (fd: number) => fs.fstatSync(fd, { bigint: true });
    this.#attributes({ actual, expected }, Buffer.from('.'), stat(actual), stat(expected), '/' as ByteString);
    await this.#directory({ actual, expected }, '' as ByteString);
  }

  get #full(): boolean {
    return this.found.length >= this.#limit;
  }

  #tell(path: ByteString, what: string): void {
    if (!this.#full) this.found.push({ path: display(path), what });
  }

  async #directory(pair: Pair, path: ByteString): Promise<void> {
    const [actual, expected] = [namesOf(pair.actual), namesOf(pair.expected)];
    for (const name of new Set([...actual.keys(), ...expected.keys()].sort())) {
      if (this.#full) return;
      const bytes = expected.get(name) ?? actual.get(name) ?? Buffer.alloc(0);
      const at = `${path}/${name}` as ByteString;
      if (!actual.has(name)) this.#tell(at, 'is missing');
      else if (!expected.has(name)) this.#tell(at, 'does not belong there');
      else await this.#entry(pair, bytes, at);
      this.#entries += 1;
      if (this.#entries % ENTRIES_PER_TURN === 0) await new Promise(setImmediate);
    }
  }

  async #entry(pair: Pair, name: Buffer, path: ByteString): Promise<void> {
    const [actual, expected] = [lstatAt(pair.actual, name), lstatAt(pair.expected, name)];
    if (!this.#attributes(pair, name, actual, expected, path)) return;
    if (expected.isDirectory()) await this.#opened(pair, name, O_DIRECTORY, (both) => this.#directory(both, path));
    else if (expected.isSymbolicLink()) {
      const [is, was] = [this.#addon.readlinkat(pair.actual, name), this.#addon.readlinkat(pair.expected, name)];
      if (!is.equals(was)) this.#tell(path, `leads to ${display(fromBytes(is))}, not ${display(fromBytes(was))}`);
    } else if (expected.isFile() && this.#isFirstName(actual, expected, path)) {
      await this.#opened(pair, name, 0, async (both) => this.#content(both, path));
    }
  }

  /** False if the rest of the entry is not to be compared. */
  #attributes(pair: Pair, name: Buffer, actual: fs.BigIntStats, expected: fs.BigIntStats, path: ByteString): boolean {
    const TYPE = BigInt(fs.constants.S_IFMT);
    const octal = (mode: bigint): string => (mode & 0o7777n).toString(8).padStart(4, '0');
    if ((actual.mode & TYPE) !== (expected.mode & TYPE)) {
      this.#tell(path, 'is of another type');
      return false;
    }
    if (actual.mode !== expected.mode) this.#tell(path, `has mode ${octal(actual.mode)}, not ${octal(expected.mode)}`);
    if (actual.uid !== expected.uid || actual.gid !== expected.gid)
      this.#tell(path, `belongs to ${actual.uid}:${actual.gid}, not ${expected.uid}:${expected.gid}`);
    if (actual.mtimeNs !== expected.mtimeNs) this.#tell(path, 'has another modification time');
    if (actual.rdev !== expected.rdev) this.#tell(path, 'is another device');
    const [is, was] = [this.#xattrs(pair.actual, name), this.#xattrs(pair.expected, name)];
    for (const key of new Set([...is.keys(), ...was.keys()])) {
      if (is.get(key) !== was.get(key)) this.#tell(path, `has another attribute ${display(key)}`);
    }
    if (expected.isFile() && actual.size !== expected.size) {
      this.#tell(path, `has ${actual.size} bytes, not ${expected.size}`);
      return false;
    }
    return true;
  }

  /** Names of one file have to be names of one file in both; its content is compared once. */
  #isFirstName(actual: fs.BigIntStats, expected: fs.BigIntStats, path: ByteString): boolean {
    if (actual.nlink !== expected.nlink) this.#tell(path, `has ${actual.nlink} names, not ${expected.nlink}`);
    if (expected.nlink === 1n) return true;
    const known = this.#links.get(expected.ino);
    if (known === undefined) this.#links.set(expected.ino, actual.ino);
    else if (known !== actual.ino) this.#tell(path, 'is not the same file as under its other names');
    return known === undefined;
  }

  #content(pair: Pair, path: ByteString): void {
    for (let at = 0; ; ) {
      const [a, b] = [fill(pair.actual, this.#chunks[0], at), fill(pair.expected, this.#chunks[1], at)];
      if (!a.equals(b)) {
        this.#tell(path, 'has other content');
        return;
      }
      if (a.length === 0) return;
      at += a.length;
    }
  }

  async #opened(pair: Pair, name: Buffer, flags: number, use: (both: Pair) => Promise<void>): Promise<void> {
    const actual = this.#open(pair.actual, name, flags);
    try {
      const expected = this.#open(pair.expected, name, flags);
      try {
        await use({ actual, expected });
      } finally {
        fs.closeSync(expected);
      }
    } finally {
      fs.closeSync(actual);
    }
  }

  #open(parent: number, name: Buffer, flags: number): number {
    return this.#addon.openat2(parent, name, O_RDONLY | O_NOFOLLOW | flags, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
  }

  #xattrs(parent: number, name: Buffer): ReadonlyMap<ByteString, string> {
    let names: readonly Buffer[];
    try {
      names = this.#addon.llistxattrat(parent, name);
    } catch (error) {
      if (isErrno(error, 'ENOTSUP', 'EOPNOTSUPP')) return new Map();
      throw error;
    }
    const rendered = names.map((key) => [fromBytes(key), key] as const).filter(([key]) => isRendered(key));
    return new Map(rendered.map(([key, raw]) => [key, this.#addon.lgetxattrat(parent, name, raw).toString('base64')]));
  }
}

const namesOf = (fd: number): ReadonlyMap<ByteString, Buffer> =>
  new Map(fs.readdirSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' }).map((name) => [fromBytes(name), name]));

const lstatAt = (parent: number, name: Buffer): fs.BigIntStats =>
  fs.lstatSync(Buffer.concat([Buffer.from(`/proc/self/fd/${parent}/`), name]), { bigint: true });

/** As much as there is, up to the buffer's size. */
function fill(fd: number, buffer: Buffer, at: number): Buffer {
  let filled = 0;
  while (filled < buffer.length) {
    const got = fs.readSync(fd, buffer, filled, buffer.length - filled, at + filled);
    if (got === 0) break;
    filled += got;
  }
  return buffer.subarray(0, filled);
}
