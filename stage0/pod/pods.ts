/**
 * The pods of one data directory: made, locked, moved through the table of state.ts, found, and removed. There is no index:
 * the directories are the truth, and any command may be killed at any instant.
 */
import fs from 'node:fs';
import { type AbsPath, isPodId, type PodId } from '#kernel/brand';
import { isErrno, PodctlError } from '#kernel/errors';
import { randomUuid } from '#kernel/unique';
import { DurableBatch, fsyncDir, renameDurable } from '../files/durable';
import { namesIn } from '../files/names-in';
import { removeTree } from '../files/remove-tree';
import { podPath, podsRoot } from './layout';
import { mayMove, POD_DIRECTORIES, type PodDirectory, type PodState, stateOf } from './state';

/** flock(2), the one call Node lacks here. */
export interface LockPort {
  flock(fd: number, mode: 'exclusive' | 'shared' | 'unlock', wait: boolean): boolean;
}

export interface PodEntry {
  readonly id: PodId;
  readonly directory: PodDirectory;
  readonly path: AbsPath;
}

/** A pod whose lock this process holds. Close `lockFd`, or hand it on, to let go. */
export interface LockedPod extends PodEntry {
  readonly lockFd: number;
}

/** Readers hold a shared lock for microseconds; this many collisions in a row do not happen by chance. */
const MAX_LOCK_TRIES = 10_000;

export class Pods {
  readonly #dataDir: AbsPath;
  readonly #locks: LockPort;
  readonly #unsettled = new DurableBatch();

  constructor(dataDir: AbsPath, locks: LockPort) {
    this.#dataDir = dataDir;
    this.#locks = locks;
  }

  /** A new pod in `embryo`, locked. */
  create(): LockedPod {
    fs.mkdirSync(this.#root('embryo'), { recursive: true, mode: 0o750 });
    for (;;) {
      const id = randomUuid() as PodId;
      const path = podPath(this.#dataDir, 'embryo', id);
      fs.mkdirSync(path, { mode: 0o750 });
      const pod = this.lock({ id, directory: 'embryo', path });
      // gc may take an embryo in the instant before it is locked; it is then gc's, and the next one is ours.
      if (pod !== undefined) return pod;
    }
  }

  /** Moves a locked pod along the table; the lock goes with the inode. Durable once settle() has returned. */
  move(pod: LockedPod, to: PodDirectory): LockedPod {
    if (!mayMove(pod.directory, to))
      throw new PodctlError('internal', `a pod cannot go from ${pod.directory} to ${to}`);
    fs.mkdirSync(this.#root(to), { recursive: true, mode: 0o750 });
    const path = podPath(this.#dataDir, to, pod.id);
    renameDurable(pod.path, path, { batch: this.#unsettled });
    return { ...pod, directory: to, path };
  }

  /** Makes the moves so far survive a power cut. A start calls it while systemd is at work, so that nobody waits for the disk. */
  settle(): void {
    this.#unsettled.flush();
  }

  /** Takes the pod's lock, or undefined if someone holds it or the pod has moved on meanwhile. */
  lock(entry: PodEntry): LockedPod | undefined {
    const lockFd = openDirectory(entry.path);
    if (lockFd === undefined) return undefined;
    if (this.#tryExclusive(lockFd) && sameInode(lockFd, entry.path)) return { ...entry, lockFd };
    fs.closeSync(lockFd);
    return undefined;
  }

  /**
   * Keeps a pod that nobody has locked from being taken by gc or rm, without becoming its owner: readers still see the state
   * it has. Close the descriptor to let go. Undefined if someone is at work in it, or the pod has moved on.
   */
  hold(entry: PodEntry): number | undefined {
    const fd = openDirectory(entry.path);
    if (fd === undefined) return undefined;
    if (this.#locks.flock(fd, 'shared', false) && sameInode(fd, entry.path)) return fd;
    fs.closeSync(fd);
    return undefined;
  }

  /** What the pod is doing now, or undefined if it has moved on. */
  state(entry: PodEntry): PodState | undefined {
    const fd = openDirectory(entry.path);
    if (fd === undefined) return undefined;
    try {
      const held = !this.#locks.flock(fd, 'shared', false);
      // No other directory ever has this name: if it is there, it is the one that was opened.
      return fs.existsSync(entry.path) ? stateOf(entry.directory, held) : undefined;
    } finally {
      fs.closeSync(fd);
    }
  }

  /** All pods, in the order of the table, then of their ids. A pod that moves meanwhile is listed once, where it went. */
  list(): readonly PodEntry[] {
    const found = new Map<PodId, PodEntry>();
    for (const directory of POD_DIRECTORIES) {
      for (const id of this.#ids(directory))
        found.set(id, { id, directory, path: podPath(this.#dataDir, directory, id) });
    }
    return [...found.values()];
  }

  /** The pod with this UUID; undefined if there is none. */
  get(id: PodId): PodEntry | undefined {
    // In the order that pods go through, so that one that moves meanwhile is not missed.
    return POD_DIRECTORIES.map((directory) => ({ id, directory, path: podPath(this.#dataDir, directory, id) })).find(
      ({ path }) => fs.existsSync(path),
    );
  }

  /** All pods whose UUIDs begin with `prefix`. */
  beginningWith(prefix: string): readonly PodEntry[] {
    if (!isPodId(prefix)) return this.list().filter(({ id }) => id.startsWith(prefix));
    const entry = this.get(prefix);
    return entry === undefined ? [] : [entry];
  }

  /**
   * Removes what is left of a locked pod. It has to be in a garbage directory (or never have got further than preparing), so
   * that an interrupted removal leaves something the next gc takes up again. The lock is released.
   */
  remove(pod: LockedPod): void {
    removeTree(pod.path);
    fsyncDir(this.#root(pod.directory));
    fs.closeSync(pod.lockFd);
  }

  #root(directory: PodDirectory): string {
    return `${podsRoot(this.#dataDir)}/${directory}`;
  }

  #ids(directory: PodDirectory): readonly PodId[] {
    return namesIn(this.#root(directory)).filter(isPodId).sort();
  }

  /** A shared lock that can be had means that only readers are in the way, and they are gone in a moment. */
  #tryExclusive(fd: number): boolean {
    for (let tries = 0; tries < MAX_LOCK_TRIES; tries += 1) {
      if (this.#locks.flock(fd, 'exclusive', false)) return true;
      if (!this.#locks.flock(fd, 'shared', false)) return false;
      this.#locks.flock(fd, 'unlock', false);
    }
    return false;
  }
}

function openDirectory(path: string): number | undefined {
  try {
    return fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY | fs.constants.O_NOFOLLOW);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function sameInode(fd: number, path: string): boolean {
  const here = fs.fstatSync(fd);
  const there = fs.statSync(path, { throwIfNoEntry: false });
  return there !== undefined && there.ino === here.ino && there.dev === here.dev;
}
