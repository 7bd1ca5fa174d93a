/**
 * What directories will look like. Set when everything is in them, deepest first: writing changes their mtime, a read-only
 * mode would keep an ordinary user out, and a default ACL or setgid bit would be inherited by what comes in.
 */
import type { ByteString } from './byte-string';
import type { ConfinedTree, DirectoryEvents } from './confined';
import type { TarEntry } from './tar-entry';

export type DirectoryFacts = Pick<TarEntry, 'uid' | 'gid' | 'mode' | 'seconds' | 'nanoseconds' | 'xattrs'>;

/** Of directories no archive has an entry for. The epoch, so that rendering twice gives the same tree. */
const IMPLICIT: DirectoryFacts = { uid: 0, gid: 0, mode: 0o755, seconds: 0, nanoseconds: 0, xattrs: new Map() };

export class Directories implements DirectoryEvents {
  readonly #facts: Map<ByteString, DirectoryFacts>;

  /** @param isTopOwn the top is given owner, mode and time, too, although no entry says which */
  constructor(isTopOwn = true) {
    this.#facts = new Map(isTopOwn ? [['' as ByteString, IMPLICIT]] : []);
  }

  made(path: ByteString): void {
    this.#facts.set(path, IMPLICIT);
  }

  removed(path: ByteString): void {
    const below = `${path}/`;
    if (!this.#facts.delete(path)) return; // it was no directory
    for (const other of this.#facts.keys()) if (other.startsWith(below)) this.#facts.delete(other);
  }

  set(path: ByteString, facts: DirectoryFacts): void {
    this.#facts.set(path, facts);
  }

  has(path: ByteString): boolean {
    return this.#facts.has(path);
  }

  get count(): number {
    return this.#facts.size;
  }

  finish(tree: ConfinedTree, apply: (fd: number, facts: DirectoryFacts) => void): void {
    const deepestFirst = [...this.#facts.keys()].sort((a, b) => b.length - a.length);
    for (const path of deepestFirst) {
      tree.trim();
      apply(tree.directory(path), this.#facts.get(path) ?? IMPLICIT);
    }
  }
}
