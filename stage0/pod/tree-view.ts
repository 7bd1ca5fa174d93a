/**
 * Looks into a rendered image without trusting it: every path is resolved by the kernel inside the tree, whatever symbolic
 * links the image contains, and only regular files of bounded size are read.
 */
import fs from 'node:fs';
import type { AbsPath } from '#kernel/brand';
import { isErrno, PodctlError } from '#kernel/errors';
import { O_PATH, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } from '../files/linux';

/** openat2(2), which Node lacks. */
export interface OpenPort {
  openat2(dirFd: number, path: string, flags: number, mode: number, resolve: number): number;
}

/** passwd and group files of real images are a few kilobytes. */
const MAX_TEXT_BYTES = 1024 * 1024;

export type FileKind = 'program' | 'directory' | 'other' | 'missing';

export interface Resolved {
  /** Inside the image. */
  readonly path: AbsPath;
  readonly kind: 'directory' | 'other' | 'missing';
}

const refused = (path: string, why: string): PodctlError =>
  new PodctlError('mount-target-refused', `nothing can be mounted on "${path}": ${why}`);

/** And a merged view of several trees, mounted nowhere. */
export interface ViewPort extends OpenPort {
  /** An open directory. Uppermost first, at least two. */
  viewOverlay(trees: readonly string[]): number;
}

/**
 * Looks at an image's trees as an app will see them, uppermost first: of several the kernel makes an overlay for as long as that
 * takes.
 */
export function viewTrees<T>(trees: readonly AbsPath[], port: ViewPort, look: (view: TreeView) => T): T {
  const [only, ...others] = trees;
  if (only !== undefined && others.length === 0) return look(new TreeView(only, port));
  const root = port.viewOverlay(trees);
  try {
    return look(new TreeView(`/proc/self/fd/${root}`, port));
  } finally {
    fs.closeSync(root);
  }
}

export class TreeView {
  readonly #root: string;
  readonly #port: OpenPort;
  #hostRoot: string | undefined;

  constructor(root: string, port: OpenPort) {
    this.#root = root;
    this.#port = port;
  }

  /** What `path` is. A program is a regular file that someone may execute. */
  kindOf(path: string): FileKind {
    const stat = this.#stat(path);
    if (stat === undefined) return 'missing';
    if (stat.isDirectory()) return 'directory';
    return stat.isFile() && (stat.mode & 0o111) !== 0 ? 'program' : 'other';
  }

  /** What the last component of `path` is itself, not what it leads to. */
  entryOf(path: string): 'directory' | 'link' | 'other' | 'missing' {
    const stat = this.#stat(path, fs.constants.O_NOFOLLOW);
    if (stat === undefined) return 'missing';
    if (stat.isSymbolicLink()) return 'link';
    return stat.isDirectory() ? 'directory' : 'other';
  }

  ownerOf(path: string): { readonly uid: number; readonly gid: number } | undefined {
    const stat = this.#stat(path);
    return stat === undefined ? undefined : { uid: stat.uid, gid: stat.gid };
  }

  /** Text of a file, '' if there is none. @throws PodctlError `image-unfit` if it is no ordinary file or too large */
  text(path: string): string {
    const fd = this.#open(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK | fs.constants.O_NOCTTY);
    if (fd === undefined) return '';
    try {
      const stat = fs.fstatSync(fd);
      if (!stat.isFile() || stat.size > MAX_TEXT_BYTES) {
        throw new PodctlError(
          'image-unfit',
          `${path} of the image is not an ordinary file of at most ${MAX_TEXT_BYTES} bytes`,
        );
      }
      return fs.readFileSync(fd, 'utf8');
    } finally {
      fs.closeSync(fd);
    }
  }

  /**
   * Where `path` leads inside the image, without symbolic links: what is there, and under which name. What is missing keeps
   * its name below the last directory that is there.
   * @throws PodctlError `mount-target-refused` if a link leads nowhere or in a circle, or something on the way is no directory
   */
  resolve(path: AbsPath): Resolved {
    const fd = this.#open(path, O_PATH);
    if (fd !== undefined) {
      try {
        const stat = fs.fstatSync(fd);
        const kind = stat.isDirectory() ? 'directory' : 'other';
        return { path: this.#insideOf(fs.readlinkSync(`/proc/self/fd/${fd}`)), kind };
      } finally {
        fs.closeSync(fd);
      }
    }
    const slash = path.lastIndexOf('/');
    const parent = this.resolve((path.slice(0, slash) || '/') as AbsPath);
    const name = `${parent.path === '/' ? '' : parent.path}/${path.slice(slash + 1)}` as AbsPath;
    if (parent.kind === 'other') throw refused(path, `${parent.path} of the image is not a directory`);
    if (parent.kind === 'directory' && this.#stat(name, fs.constants.O_NOFOLLOW) !== undefined)
      throw refused(path, `${name} of the image is a symbolic link that leads nowhere`);
    return { path: name, kind: 'missing' };
  }

  /** A directory, open for reading; the caller closes it. Undefined if there is none. */
  openDirectory(path: AbsPath): number | undefined {
    return this.#open(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  }

  /** An ordinary file, open for reading; the caller closes it. Undefined if there is none. */
  openFile(path: string): number | undefined {
    if (this.#stat(path)?.isFile() !== true) return undefined;
    return this.#open(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK | fs.constants.O_NOCTTY);
  }

  /** Whether a directory of the image has something in it. */
  hasEntries(path: AbsPath): boolean {
    const fd = this.#open(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    if (fd === undefined) return false;
    try {
      const directory = fs.opendirSync(`/proc/self/fd/${fd}`);
      try {
        return directory.readSync() !== null;
      } finally {
        directory.closeSync();
      }
    } finally {
      fs.closeSync(fd);
    }
  }

  /** A path of the host below the image's root, as the image names it. */
  #insideOf(hostPath: string): AbsPath {
    this.#hostRoot ??= this.#rootOnHost();
    return (hostPath.slice(this.#hostRoot.length) || '/') as AbsPath;
  }

  /** What paths of the host below the root begin with; nothing for what is mounted nowhere. */
  #rootOnHost(): string {
    const fd = fs.openSync(this.#root, O_PATH | fs.constants.O_DIRECTORY);
    try {
      return fs.readlinkSync(`/proc/self/fd/${fd}`).replace(/\/$/, '');
    } finally {
      fs.closeSync(fd);
    }
  }

  #stat(path: string, flags = 0): fs.Stats | undefined {
    const fd = this.#open(path, O_PATH | flags);
    if (fd === undefined) return undefined;
    try {
      return fs.fstatSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  }

  #open(path: string, flags: number): number | undefined {
    const root = fs.openSync(this.#root, O_PATH | fs.constants.O_DIRECTORY);
    try {
      return this.#port.openat2(root, path, flags, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
      throw error;
    } finally {
      fs.closeSync(root);
    }
  }
}
