/**
 * Remembers which image a URL gave, and how to ask whether it still does: `<dir>/remotes/<sha256 of the URL>.json`. What is
 * remembered saves downloads; whether the image may be used is decided by its own record in the store.
 */
import fs from 'node:fs';
import { type AbsPath, type ImageId, isImageId } from '#kernel/brand';
import { createHash } from '#kernel/digest';
import { isErrno } from '#kernel/errors';
import { mkdirDurable, writeFileDurable } from '../files/durable';
import { namesIn } from '../files/names-in';

export interface RemoteEntry {
  readonly url: string;
  readonly id: ImageId;
  readonly etag?: string | undefined;
  readonly lastModified?: string | undefined;
  /** Until then it need not be asked again (ms since the epoch). */
  readonly freshUntil: number;
}

export class Remotes {
  readonly #root: string;

  constructor(dataDir: AbsPath) {
    this.#root = `${dataDir}/remotes`;
  }

  lookup(url: string): RemoteEntry | undefined {
    const entry = readEntry(this.#path(url));
    return entry?.url === url ? entry : undefined;
  }

  remember(entry: RemoteEntry): void {
    mkdirDurable(this.#root, 0o700);
    writeFileDurable(this.#path(entry.url), JSON.stringify(entry), 0o600);
  }

  /** Forgets images that are no longer there. */
  sweep(isThere: (id: ImageId) => boolean): void {
    for (const name of namesIn(this.#root)) {
      const path = `${this.#root}/${name}`;
      const entry = readEntry(path);
      if (name.endsWith('.tmp') || entry === undefined || !isThere(entry.id)) fs.rmSync(path, { force: true });
    }
  }

  #path(url: string): string {
    return `${this.#root}/${createHash('sha256').update(url).digest('hex')}.json`;
  }
}

/** An entry that cannot be read counts as none. */
function readEntry(path: string): RemoteEntry | undefined {
  try {
    const entry = JSON.parse(fs.readFileSync(path, 'utf8')) as RemoteEntry;
    const sound = typeof entry?.url === 'string' && isImageId(entry.id ?? '') && typeof entry.freshUntil === 'number';
    return sound ? entry : undefined;
  } catch (error) {
    if (isErrno(error, 'ENOENT') || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
