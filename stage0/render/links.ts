/**
 * Hard links under a whitelist. A link may be wanted while the file it points to is not: then the file's content appears
 * under the first wanted link, and further links point there.
 */
import type { ByteString } from './byte-string';
import { entryPath, hardLinkTarget } from './entry-path';
import type { TarEntry, TarSink } from './tar-entry';
import type { PathFilter } from './whitelist';

/** Paths of the archive, `rootfs/` included. */
export class LinkPlan implements TarSink {
  readonly #isWanted: (path: ByteString) => boolean;
  /** Every link, to the entry with the content. */
  readonly #origin = new Map<ByteString, ByteString>();
  /** Unwanted entries with content, to the wanted link that takes it. */
  readonly #heir = new Map<ByteString, ByteString>();

  constructor(filter: PathFilter) {
    this.#isWanted = (path) => filter(path.slice('rootfs/'.length) as ByteString, false);
  }

  entry(entry: TarEntry): void {
    if (entry.type !== 'hardlink') return;
    const path = entryPath(entry);
    const target = hardLinkTarget(entry);
    const origin = this.#origin.get(target) ?? target;
    this.#origin.set(path, origin);
    if (this.#isWanted(path) && !this.#isWanted(origin) && !this.#heir.has(origin)) this.#heir.set(origin, path);
  }

  data(): void {
    // Only names matter here.
  }

  hole(): void {
    // Only names matter here.
  }

  fileEnd(): void {
    // Only names matter here.
  }

  /** Where the content of an entry goes, undefined if nowhere. */
  contentPath(path: ByteString): ByteString | undefined {
    return this.#isWanted(path) ? path : this.#heir.get(path);
  }

  /** What a wanted link is made a link to; the link's own path if it has the content. */
  target(link: ByteString): ByteString {
    const origin = this.#origin.get(link) ?? link;
    return this.contentPath(origin) ?? origin;
  }
}
