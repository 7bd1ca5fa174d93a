/**
 * `<dir>/prepare.lock`: keeps the collection of images from pods that are being made. Whoever makes a pod holds it shared from
 * before the pod's trees are looked up until its record names them; gc of images holds it exclusively while it decides and
 * renames (rkt's prepareLock, rkt-cli.md §1.6). The death of its holder releases it.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { AbsPath } from '#kernel/brand';
import { isErrno } from '#kernel/errors';
import { mkdirDurable } from '../files/durable';

/** flock(2), which Node lacks. */
export interface LockPort {
  flock(fd: number, mode: 'exclusive' | 'shared' | 'unlock', wait: boolean): boolean;
}

/** Lets go; idempotent. */
export type Release = () => void;

export class PrepareLock {
  readonly path: string;
  readonly #locks: LockPort;

  constructor(dataDir: AbsPath, locks: LockPort) {
    this.path = `${dataDir}/prepare.lock`;
    this.#locks = locks;
  }

  /** Takes a few µs, unless images are being collected in this instant. */
  shared(): Release {
    return this.#take('shared');
  }

  /** Waits for all pods that are being made. */
  exclusive(): Release {
    return this.#take('exclusive');
  }

  #take(mode: 'shared' | 'exclusive'): Release {
    let fd = this.#open();
    this.#locks.flock(fd, mode, true);
    return () => {
      if (fd >= 0) fs.closeSync(fd);
      fd = -1;
    };
  }

  #open(): number {
    const flags = fs.constants.O_RDONLY | fs.constants.O_CREAT | fs.constants.O_NOFOLLOW;
    try {
      return fs.openSync(this.path, flags, 0o600);
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
    mkdirDurable(path.dirname(this.path), 0o750);
    return fs.openSync(this.path, flags, 0o600);
  }
}
