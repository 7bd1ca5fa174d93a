/**
 * Looks into a rendered image without trusting it: every path is resolved by the kernel inside the tree, whatever symbolic
 * links the image contains, and only regular files of bounded size are read.
 */
import fs from 'node:fs';
import type { AbsPath } from '#kernel/brand';
import { isErrno, PodctlError } from '#kernel/errors';

/** openat2(2), which Node lacks. */
export interface OpenPort {
  openat2(dirFd: number, path: string, flags: number, mode: number, resolve: number): number;
}

const O_PATH = 0o10000000;
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_IN_ROOT = 0x10;
/** passwd and group files of real images are a few kilobytes. */
const MAX_TEXT_BYTES = 1024 * 1024;

export type FileKind = 'program' | 'directory' | 'other' | 'missing';

export class TreeView {
  readonly #root: AbsPath;
  readonly #port: OpenPort;

  constructor(root: AbsPath, port: OpenPort) {
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

  #stat(path: string): fs.Stats | undefined {
    const fd = this.#open(path, O_PATH);
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
