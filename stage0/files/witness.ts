/**
 * Notes what this process looks at in the file system, and what it changes there: a start of a pod that finds all of that as it was
 * would come to the same (usecases/replay.ts). Every function of node:fs is watched, so that nothing can be read unnoticed by code
 * that was written without a thought of this; what is not understood here is a reason not to rely on the notes.
 */
import fs from 'node:fs';
import path from 'node:path';
import { isSettledSince } from './settled';

export type Look =
  /** Links are followed unless it was the link that was looked at. The stamp of what is `whole` changes with its content. */
  | {
      readonly kind: 'look';
      readonly follow: boolean;
      readonly whole: boolean;
      readonly path: string;
      readonly stamp: string;
    }
  | { readonly kind: 'absent' | 'present'; readonly path: string }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  /** Of the kernel's files, which have no stamps. */
  | { readonly kind: 'text'; readonly path: string; readonly content: string };

type Call = (...args: unknown[]) => unknown;
type Functions = Record<string, Call>;

/** What descriptors are for: the file was opened before, and that was noted. */
const OF_DESCRIPTORS = [
  ...['closeSync', 'fstatSync', 'readSync', 'writeSync', 'fsyncSync', 'fdatasyncSync'],
  ...['ftruncateSync', 'fchmodSync', 'fchownSync'],
];
/** What changes files, and which of its arguments are their paths. */
const CHANGING: Readonly<Record<string, readonly number[]>> = {
  writeFileSync: [0],
  mkdirSync: [0],
  rmSync: [0],
  rmdirSync: [0],
  unlinkSync: [0],
  utimesSync: [0],
  chmodSync: [0],
  chownSync: [0],
  renameSync: [0, 1],
  symlinkSync: [1],
};

const { O_ACCMODE = 3, O_CREAT, O_TRUNC } = fs.constants as Record<string, number> & typeof fs.constants;
/** What it is, the kernel says as a link. */
const DESCRIPTOR = /^\/proc\/self\/fd\/\d+$/;
const KERNELS = /^\/(?:proc|sys)\//;
/** replay.ts compares no more of a file of the kernel's (stage0/front/looks.cc). */
const MAX_TEXT_BYTES = 16 * 1024;

export class Witness {
  /** By their words, so that each stands there once. */
  readonly #looks = new Map<string, Look>();
  readonly #seen = new Set<string>();
  readonly #changes = new Set<string>();
  readonly #opened = new Map<number, string>();
  readonly #functions = fs as unknown as Functions;
  readonly #originals: Functions = {};
  #obstacle: string | undefined;

  /** Begins to watch. */
  constructor() {
    for (const [name, original] of Object.entries(this.#functions)) {
      if (typeof original !== 'function' || !/^[a-z]/.test(name) || OF_DESCRIPTORS.includes(name)) continue;
      this.#originals[name] = original;
      const watched = this.#watched(name, original);
      this.#functions[name] = Object.assign((...args: unknown[]) => watched(...args), original);
    }
  }

  /** Gives node:fs its own functions back. */
  end(): void {
    Object.assign(this.#functions, this.#originals);
  }

  get looks(): readonly Look[] {
    return [...this.#looks.values()];
  }

  /** Paths. */
  get changes(): readonly string[] {
    return [...this.#changes];
  }

  /** Why the notes are not to be relied upon. */
  get obstacle(): string | undefined {
    return this.#obstacle;
  }

  refuse(why: string): void {
    this.#obstacle ??= why;
  }

  /** What an open descriptor was opened as. */
  pathOf(fd: number): string | undefined {
    return this.#opened.get(fd);
  }

  /** A descriptor that was opened past node:fs, and what it stands for. */
  opened(fd: number, path: string): void {
    this.#opened.set(fd, path);
  }

  /** Notes how `path` is now. @param whole its content matters, too: that of a regular file always does */
  look(path: string, whole: boolean, follow = true): void {
    const key = `${path}\0${whole}\0${follow}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    const stat = (follow ? this.#originals['statSync'] : this.#originals['lstatSync']) as typeof fs.statSync;
    try {
      const found = stat(path, { bigint: true, throwIfNoEntry: false });
      this.#note(found === undefined ? { kind: 'absent', path } : this.#stamped(path, whole, follow, found));
    } catch {
      this.refuse(`${path} cannot be looked at`); // ignored: whoever looks at it meets the same error
    }
  }

  #note(look: Look): void {
    this.#looks.set(JSON.stringify(look), look);
  }

  #stamped(path: string, whole: boolean, follow: boolean, found: fs.BigIntStats): Look {
    if (KERNELS.test(path)) return { kind: 'present', path };
    const { dev, ino, mode, uid, gid, size, mtimeNs, ctimeNs } = found;
    const isWhole = whole || found.isFile();
    if (isWhole && !isSettledSince(ctimeNs, Date.now())) this.refuse(`${path} was changed a moment ago`);
    const stamp = isWhole ? [dev, ino, mode, uid, gid, size, mtimeNs, ctimeNs] : [dev, ino, mode, uid, gid];
    return { kind: 'look', path, follow, whole: isWhole, stamp: stamp.join(':') };
  }

  #watched(name: string, original: Call): Call {
    const looking =
      (whole: boolean, follow: boolean): Call =>
      (of, ...rest) => {
        const path = this.#named(of);
        if (path !== undefined) this.look(path, whole, follow);
        return original(of, ...rest);
      };
    const changing = CHANGING[name];
    if (changing !== undefined) return (...args) => this.#changing(original, changing, args);
    if (name === 'openSync') return (of, ...rest) => this.#opening(original, of, rest);
    if (name === 'readFileSync') return (of, ...rest) => this.#reading(original, of, rest);
    if (name === 'readlinkSync') return (of, ...rest) => this.#readingLink(original, of, rest);
    if (name === 'realpathSync') return (of, ...rest) => this.#resolving(original, of, rest);
    if (name === 'readdirSync' || name === 'opendirSync') return looking(true, true);
    if (name === 'statSync' || name === 'existsSync' || name === 'accessSync') return looking(false, true);
    if (name === 'lstatSync') return looking(false, false);
    return (...args) => {
      this.refuse(`fs.${name}() was called`);
      return original(...args);
    };
  }

  /** A path that was given as text, said without the descriptor it may begin with. */
  #named(of: unknown): string | undefined {
    if (typeof of === 'number') return undefined; // a descriptor
    if (typeof of !== 'string') {
      this.refuse('a path was no text');
      return undefined;
    }
    const [whole, fd, rest] = /^\/proc\/self\/fd\/(\d+)(.*)$/s.exec(of) ?? [];
    if (whole === undefined) return of;
    const opened = this.#opened.get(Number(fd));
    if (opened === undefined) this.refuse(`${of} was opened unnoticed`);
    return opened === undefined ? undefined : `${opened}${rest}`;
  }

  #changing(original: Call, which: readonly number[], args: unknown[]): unknown {
    for (const index of which) this.#change(args[index]);
    return original(...args);
  }

  #change(of: unknown): void {
    const changed = this.#named(of);
    if (changed !== undefined) this.#changes.add(changed);
  }

  #opening(original: Call, of: unknown, rest: unknown[]): unknown {
    const named = this.#named(of);
    const [flags = 'r'] = rest;
    const isRead = typeof flags === 'number' ? (flags & (O_ACCMODE | O_CREAT | O_TRUNC)) === 0 : flags === 'r';
    if (named !== undefined && isRead) this.look(named, false, true);
    else this.#change(of);
    const fd = original(of, ...rest);
    if (named !== undefined) this.#opened.set(fd as number, named);
    return fd;
  }

  #reading(original: Call, of: unknown, rest: unknown[]): unknown {
    const named = this.#named(of);
    if (named === undefined || !KERNELS.test(named)) {
      if (named !== undefined) this.look(named, true);
      return original(of, ...rest);
    }
    try {
      const content = original(of, ...rest);
      if (typeof content === 'string' && content.length <= MAX_TEXT_BYTES) {
        this.#note({ kind: 'text', path: named, content });
      } else this.refuse(`${named} is too much to compare`);
      return content;
    } catch (error) {
      this.look(named, false); // absent
      throw error;
    }
  }

  #readingLink(original: Call, of: unknown, rest: unknown[]): unknown {
    if (typeof of === 'string' && DESCRIPTOR.test(of)) return original(of, ...rest);
    const named = this.#named(of);
    try {
      const target = original(of, ...rest);
      if (named !== undefined && typeof target === 'string') {
        this.#note({ kind: 'link', path: named, target });
      } else this.refuse('a link was no text');
      return target;
    } catch (error) {
      if (named !== undefined) this.look(named, false, false); // absent, or no link
      throw error;
    }
  }

  #resolving(original: Call, of: unknown, rest: unknown[]): unknown {
    const named = this.#named(of);
    if (named !== undefined) {
      for (let at = path.resolve(named); at !== '/'; at = path.dirname(at)) this.look(at, false, false);
      this.look(named, false);
    }
    return original(of, ...rest);
  }
}
