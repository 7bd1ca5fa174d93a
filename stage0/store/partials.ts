/**
 * What has come so far of the files being downloaded: `<dir>/downloads/<sha256 of the URL>`, and beside it `….json`, which
 * says of which version of the file it is a part. Whoever downloads holds an exclusive flock on the file; a lock dies with its
 * holder, and the next one goes on from there.
 */
import fs from 'node:fs';
import type { AbsPath } from '#kernel/brand';
import { createHash } from '#kernel/digest';
import { isErrno } from '#kernel/errors';
import { native } from '../../stage1/native/index';
import { mkdirDurable, writeFileDurable } from '../files/durable';
import { namesIn } from '../files/names-in';

/** Which version of a file a part belongs to. */
export interface PartNote {
  readonly url: string;
  readonly etag?: string | undefined;
  readonly lastModified?: string | undefined;
  /** Bytes of the whole, if the server said so. */
  readonly total?: number | undefined;
}

interface NoteFile extends PartNote {
  /** Bytes that are on the disk for sure, and the boot since which all that can be read is what was written. */
  readonly synced: number;
  readonly boot: string;
}

const { O_RDWR, O_CREAT, O_NOFOLLOW } = fs.constants;
const NOTE = '.json';
/** How much a power cut may cost. */
const SYNC_BYTES = 64 * 1024 * 1024;
const bootId = (): string => fs.readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();

/** A part with its lock. End it with `discard` or `keep`. */
export class Part {
  readonly #fd: number;
  readonly #path: string;
  #size = 0;
  #synced = 0;
  #note: PartNote | undefined;

  constructor(fd: number, path: string, url: string) {
    this.#fd = fd;
    this.#path = path;
    this.#recall(url);
  }

  /** Bytes that have come. */
  get size(): number {
    return this.#size;
  }
  /** Undefined if nothing has come yet. */
  get note(): PartNote | undefined {
    return this.#note;
  }

  /** Forgets what has come; what comes now belongs to this version. */
  begin(note: PartNote): void {
    const isNew = this.#note === undefined;
    this.forget();
    this.#note = note;
    // Of a new one nothing is on the disk yet, and a note that a power cut takes, or leaves empty, says just that.
    if (isNew) fs.writeFileSync(`${this.#path}${NOTE}`, this.#noteText(), { mode: 0o600 });
    else this.#save();
  }

  append(chunk: Buffer): void {
    for (let done = 0; done < chunk.length; ) {
      done += fs.writeSync(this.#fd, chunk, done, chunk.length - done, this.#size + done);
    }
    this.#size += chunk.length;
    if (this.#size - this.#synced >= SYNC_BYTES) this.#sync();
  }

  forget(): void {
    fs.rmSync(`${this.#path}${NOTE}`, { force: true });
    fs.ftruncateSync(this.#fd, 0);
    this.#size = 0;
    this.#synced = 0;
    this.#note = undefined;
  }

  /** A file descriptor of its own that reads it from its beginning; the caller closes it. */
  openForReading(): number {
    return fs.openSync(`/proc/self/fd/${this.#fd}`, fs.constants.O_RDONLY);
  }

  /** Where it lies; whoever moves it away ends it with `release`. */
  get path(): string {
    return this.#path;
  }

  /** Ends it, and removes what nobody moved. */
  release(): void {
    const there = fs.statSync(this.#path, { throwIfNoEntry: false });
    if (there?.ino === fs.fstatSync(this.#fd).ino) {
      this.discard();
      return;
    }
    // Somebody else may have begun anew where it lay: the note is theirs then.
    if (there === undefined) fs.rmSync(`${this.#path}${NOTE}`, { force: true });
    fs.closeSync(this.#fd);
  }

  /** Leaves it for the next one who wants it, if there is something to leave. */
  keep(): void {
    if (this.#size === 0) {
      this.discard();
      return;
    }
    try {
      if (this.#size > this.#synced) this.#sync();
    } finally {
      fs.closeSync(this.#fd);
    }
  }

  discard(): void {
    fs.rmSync(`${this.#path}${NOTE}`, { force: true });
    fs.rmSync(this.#path, { force: true });
    // The kernel gives all its blocks back now: nobody needs to wait for that, and it has no name any more.
    fs.close(this.#fd, () => undefined); // ignored: an error would be one of writing what is gone
  }

  #recall(url: string): void {
    const note = readNote(`${this.#path}${NOTE}`);
    const size = fs.fstatSync(this.#fd).size;
    if (note === undefined || note.url !== url) {
      this.forget();
      return;
    }
    this.#size = note.boot === bootId() ? size : Math.min(size, note.synced);
    this.#synced = Math.min(this.#size, note.synced);
    this.#note = note;
    fs.ftruncateSync(this.#fd, this.#size);
  }

  #sync(): void {
    fs.fdatasyncSync(this.#fd);
    this.#synced = this.#size;
    this.#save();
  }

  #save(): void {
    if (this.#note !== undefined) writeFileDurable(`${this.#path}${NOTE}`, this.#noteText(), 0o600);
  }

  #noteText(): string {
    const { url = '', etag, lastModified, total } = this.#note ?? {};
    const file: NoteFile = { url, etag, lastModified, total, synced: this.#synced, boot: bootId() };
    return JSON.stringify(file);
  }
}

export class Partials {
  readonly #root: string;

  constructor(dataDir: AbsPath) {
    this.#root = `${dataDir}/downloads`;
  }

  /** What has come of this URL, locked; undefined while somebody else is downloading it. */
  open(url: string): Part | undefined {
    mkdirDurable(this.#root, 0o700);
    const path = `${this.#root}/${createHash('sha256').update(url).digest('hex')}`;
    const fd = openLocked(path, O_CREAT);
    return fd === undefined ? undefined : new Part(fd, path, url);
  }

  /** Removes parts that nobody downloads and nobody has gone on with since `before` (ms since the epoch). */
  sweep(before: number): void {
    for (const name of namesIn(this.#root)) {
      const path = `${this.#root}/${name}`;
      const stat = fs.statSync(path, { throwIfNoEntry: false });
      if (stat === undefined || stat.mtimeMs >= before) continue;
      if (name.includes('.')) {
        // A note is its part's, if there is one.
        if (!fs.existsSync(path.slice(0, path.indexOf('.', this.#root.length)))) fs.rmSync(path, { force: true });
        continue;
      }
      const fd = openLocked(path, 0);
      if (fd === undefined) continue;
      // Somebody may have gone on with it in the instant before it was locked.
      if (fs.fstatSync(fd).mtimeMs < before) {
        fs.rmSync(`${path}${NOTE}`, { force: true });
        fs.rmSync(path, { force: true });
      }
      fs.closeSync(fd);
    }
  }
}

function openLocked(path: string, flags: number): number | undefined {
  for (;;) {
    const fd = openFile(path, flags);
    if (fd === undefined || !native().flock(fd, 'exclusive', false)) {
      if (fd !== undefined) fs.closeSync(fd);
      return undefined;
    }
    // Its last holder may have removed it before letting go.
    const there = fs.statSync(path, { throwIfNoEntry: false });
    if (there !== undefined && there.ino === fs.fstatSync(fd).ino) return fd;
    fs.closeSync(fd);
  }
}

function openFile(path: string, flags: number): number | undefined {
  try {
    return fs.openSync(path, O_RDWR | O_NOFOLLOW | flags, 0o600);
  } catch (error) {
    if (flags === 0 && isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function readNote(path: string): NoteFile | undefined {
  try {
    const note = JSON.parse(fs.readFileSync(path, 'utf8')) as NoteFile;
    return typeof note?.url === 'string' && Number.isSafeInteger(note.synced) ? note : undefined;
  } catch (error) {
    if (isErrno(error, 'ENOENT') || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
