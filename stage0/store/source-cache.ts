/**
 * Remembers which image a file held, so that a second fetch of an unchanged file reads none of its content:
 * `<dir>/sources/<dev>-<ino>.json`.
 *
 * A file counts as unchanged while device, inode, size, mtime and ctime are what they were. Nobody can set a ctime: it is
 * the kernel's clock at the last change. Should the clock be set back, or a writable memory mapping change the file without
 * a new ctime, the worst that comes of it is an image that is older than the file: what runs is always an image of the
 * store, whose bytes were verified when they came in, never the file itself.
 */
import fs from 'node:fs';
import { type AbsPath, type ImageId, isImageId } from '#kernel/brand';
import { isErrno } from '#kernel/errors';
import { uniqueName } from '#kernel/unique';
import { namesIn } from '../files/names-in';
import { isSettledSince } from '../files/settled';
import type { Verification } from '../image/fetch/port';

/** Identity and state of a file. Numbers are decimal text, since they exceed what a number holds exactly. */
export interface FileStamp {
  readonly dev: string;
  readonly ino: string;
  readonly size: string;
  readonly mtimeNs: string;
  readonly ctimeNs: string;
}

export interface SourceEntry {
  readonly image: FileStamp;
  readonly id: ImageId;
  /** The signature that was verified, undefined if none was. */
  readonly signed: { readonly signature: FileStamp; readonly verification: Verification } | undefined;
}

export function stampOf(stat: fs.BigIntStats): FileStamp {
  const { dev, ino, size, mtimeNs, ctimeNs } = stat;
  return { dev: `${dev}`, ino: `${ino}`, size: `${size}`, mtimeNs: `${mtimeNs}`, ctimeNs: `${ctimeNs}` };
}

export const sameStamp = (a: FileStamp, b: FileStamp): boolean =>
  a.dev === b.dev && a.ino === b.ino && a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs;

/** True if a stamp taken at `nowMs` tells the file from every later state of it. */
export const isSettled = (stamp: FileStamp, nowMs: number): boolean => isSettledSince(BigInt(stamp.ctimeNs), nowMs);

export class SourceCache {
  readonly #root: string;

  constructor(dataDir: AbsPath) {
    this.#root = `${dataDir}/sources`;
  }

  /** What the file with this stamp held. An entry that cannot be read counts as none: the file is read again. */
  lookup(image: FileStamp): SourceEntry | undefined {
    let entry: SourceEntry;
    try {
      entry = JSON.parse(fs.readFileSync(this.#path(image), 'utf8')) as SourceEntry;
    } catch (error) {
      // Root alone keeps them: what a member of the group wrote there could make root take one file for another.
      if (isErrno(error, 'ENOENT', 'EACCES') || error instanceof SyntaxError) return undefined;
      throw error;
    }
    return isImageId(entry?.id ?? '') && entry.image !== undefined && sameStamp(entry.image, image) ? entry : undefined;
  }

  /** `nowMs`: when the stamps were taken, before the files were read. Atomic, not durable: a lost entry costs one import. */
  remember(entry: SourceEntry, nowMs: number): void {
    const stamps = entry.signed === undefined ? [entry.image] : [entry.image, entry.signed.signature];
    if (!stamps.every((stamp) => isSettled(stamp, nowMs))) return;
    const path = this.#path(entry.image);
    const temporary = `${path}.${uniqueName()}.tmp`;
    try {
      fs.mkdirSync(this.#root, { recursive: true, mode: 0o700 });
      fs.writeFileSync(temporary, JSON.stringify(entry), { flag: 'wx', mode: 0o600 });
      fs.renameSync(temporary, path);
    } catch (error) {
      // Swept meanwhile; or an unprivileged member of the group, who has to read the file again next time.
      if (isErrno(error, 'ENOENT', 'EACCES')) return;
      fs.rmSync(temporary, { force: true });
      throw error;
    }
  }

  /** Forgets images that are no longer there, and what crashed processes left. */
  sweep(isThere: (id: ImageId) => boolean): void {
    for (const name of namesIn(this.#root)) {
      const path = `${this.#root}/${name}`;
      if (name.endsWith('.tmp') || !this.#isLive(path, isThere)) fs.rmSync(path, { force: true });
    }
  }

  #isLive(path: string, isThere: (id: ImageId) => boolean): boolean {
    try {
      const { id } = JSON.parse(fs.readFileSync(path, 'utf8')) as SourceEntry;
      return isImageId(id) && isThere(id);
    } catch {
      return false; // ignored: an unreadable entry is worth nothing
    }
  }

  #path({ dev, ino }: FileStamp): string {
    return `${this.#root}/${dev}-${ino}.json`;
  }
}
