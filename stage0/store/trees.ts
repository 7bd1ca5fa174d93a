/**
 * Rendered trees: `<dir>/trees/<tree id>/{rootfs/, tree.json}`. A tree that can be seen is complete and durable; it is never
 * written to again, since overlays of running pods lie on it.
 */
import fs from 'node:fs';
import type { AbsPath, Brand, ImageId } from '#kernel/brand';
import { isErrno } from '#kernel/errors';
import { native } from '../../stage1/native/index';
import { fsyncDir, mkdirDurable } from '../files/durable';
import { type Temporary, type TemporaryDirectory, temporaryOf } from './temporary';

/** `t1-` and 64 hex digits; the number changes when rendering does, so that no tree of an older podctl is taken for new. */
export type TreeId = Brand<string, 'TreeId'>;

const ROOTFS = 'rootfs';
const FACTS = 'tree.json';
const TREE_ID = /^t1-[0-9a-f]{64}$/;

export const isTreeId = (text: string): text is TreeId => TREE_ID.test(text);

export interface TreeFacts {
  /** The image the tree was made for. */
  readonly image: ImageId;
  /** Every image that went into it, in the order of rendering. */
  readonly layers: readonly ImageId[];
  /** The trees below this one, uppermost first, if it is that of an image whose layers have trees of their own. */
  readonly below?: readonly TreeId[];
  /** Bytes of all files, and number of entries. */
  readonly size: number;
  readonly entries: number;
  /** ms since the epoch. */
  readonly renderedAt: number;
}

export interface StoredTree {
  readonly id: TreeId;
  readonly path: AbsPath;
  readonly facts: TreeFacts;
}

/** A tree being rendered. End it with `commit` or `abandon`. */
export interface NewTree {
  /** An open, empty directory: the root to fill. Stays the tree's, do not close it. */
  readonly rootFd: number;
  /** An absolute path to the same directory. */
  readonly path: string;
  /**
   * Durable when it returns. If another process rendered the same tree first, that one is kept.
   * @param synced what is in it is durable already
   */
  commit(id: TreeId, facts: TreeFacts, synced?: boolean): AbsPath;
  /** The same, but what is there is replaced, in one step. The caller makes sure that no pod runs on it. */
  replace(id: TreeId, facts: TreeFacts): AbsPath;
  abandon(): void;
}

export class Trees {
  readonly #root: string;
  readonly #temporary: Temporary;

  constructor(dataDir: AbsPath) {
    this.#root = `${dataDir}/trees`;
    this.#temporary = temporaryOf(dataDir);
  }

  /** The root of a complete tree. Costs one stat. */
  find(id: TreeId): AbsPath | undefined {
    const path = this.#rootfs(id);
    return fs.statSync(path, { throwIfNoEntry: false }) === undefined ? undefined : path;
  }

  begin(): NewTree {
    // Nobody but root passes: an image's setuid programs are not for the users of the host.
    mkdirDurable(this.#root, 0o700);
    const directory = this.#temporary.create(0o700);
    fs.mkdirSync(`${directory.path}/${ROOTFS}`, { mode: 0o700 });
    const rootFd = fs.openSync(`${directory.path}/${ROOTFS}`, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    let open = true;
    const end = (): void => {
      open = false;
      fs.closeSync(rootFd);
    };
    const publish = (id: TreeId, facts: TreeFacts, put: () => boolean, synced = false): AbsPath => {
      // Of an image that is nothing but its layers there is only the top, and no reason to wait for the whole disk.
      if (facts.entries <= 1 && fs.readdirSync(`${directory.path}/${ROOTFS}`).length === 0) fs.fsyncSync(rootFd);
      else if (!synced) native().syncfs(rootFd);
      writeFacts(directory, facts);
      if (put()) end();
      else abandon();
      return this.#rootfs(id);
    };
    const abandon = (): void => {
      if (!open) return;
      end();
      this.#temporary.discard(directory);
    };
    return {
      rootFd,
      path: `${directory.path}/${ROOTFS}`,
      commit: (id, facts, synced) =>
        publish(id, facts, () => this.#temporary.publish(directory, `${this.#root}/${id}`), synced),
      replace: (id, facts) =>
        publish(id, facts, () => {
          this.#temporary.exchange(directory, `${this.#root}/${id}`);
          return false;
        }),
      abandon,
    };
  }

  list(): readonly StoredTree[] {
    return this.names()
      .filter(isTreeId)
      .flatMap((id) => {
        const facts = this.#facts(id);
        return facts === undefined ? [] : [{ id, path: this.#rootfs(id), facts }];
      });
  }

  /** What is in place of trees: those that are complete, and whatever else is there. */
  names(): readonly string[] {
    return namesIn(this.#root);
  }

  /** False if it was not there. The caller makes sure that no pod uses it. */
  remove(id: TreeId): boolean {
    return this.detach(id)();
  }

  /** Takes a tree out of the store at once; what it returns deletes it, and returns false if it was not there. */
  detach(id: TreeId): () => boolean {
    return this.#temporary.detach(`${this.#root}/${id}`, this.#root);
  }

  #rootfs(id: TreeId): AbsPath {
    return `${this.#root}/${id}/${ROOTFS}` as AbsPath;
  }

  /** The facts of one tree; undefined if it is none, or not to be read by this user. */
  facts(id: TreeId): TreeFacts | undefined {
    return this.#facts(id);
  }

  #facts(id: TreeId): TreeFacts | undefined {
    try {
      return JSON.parse(fs.readFileSync(`${this.#root}/${id}/${FACTS}`, 'utf8')) as TreeFacts;
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES') || error instanceof SyntaxError) return undefined;
      throw error;
    }
  }
}

/** Empty for those who may not look: an image's programs are for root to see. */
function namesIn(directory: string): readonly string[] {
  try {
    return fs.readdirSync(directory);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES')) return [];
    throw error;
  }
}

function writeFacts(directory: TemporaryDirectory, facts: TreeFacts): void {
  const text = `${JSON.stringify(facts)}\n`;
  fs.writeFileSync(`${directory.path}/${FACTS}`, text, { flag: 'wx', mode: 0o600, flush: true });
  fsyncDir(directory.path);
}
