/**
 * Copies a rendered tree (`--no-overlay`): contents shared with the original where the file system can (reflinks), and owners,
 * modes, times, extended attributes, hard links and devices as they are. Neither tree is written to by anyone else meanwhile.
 */
import fs from 'node:fs';
import { type Addon, native } from '../../stage1/native/index';

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_DIRECTORY, O_NOFOLLOW, S_IFMT } = fs.constants;
const MODE_BITS = 0o7777n;
const NANOSECONDS = 1_000_000_000n;

/** `to` must not exist; its parent must. What a failure leaves is the caller's to remove. */
export function copyTree(from: string, to: string, addon: Addon = native()): void {
  fs.mkdirSync(to, { mode: 0o700 });
  const source = fs.openSync(from, O_RDONLY | O_DIRECTORY);
  try {
    const target = fs.openSync(to, O_RDONLY | O_DIRECTORY);
    try {
      new Copy(addon, target).directory(source, target, Buffer.alloc(0));
    } finally {
      fs.closeSync(target);
    }
  } finally {
    fs.closeSync(source);
  }
}

/** An entry while it is copied. */
interface Entry {
  readonly from: number;
  readonly to: number;
  readonly name: Buffer;
  readonly stat: fs.BigIntStats;
}

class Copy {
  readonly #addon: Addon;
  readonly #root: number;
  /** Device and inode of a file with several names → where its copy is, relative to the root. */
  readonly #linked = new Map<string, Buffer>();

  constructor(addon: Addon, root: number) {
    this.#addon = addon;
    this.#root = root;
  }

  /** Fills `to`, and then gives it the attributes of `from`: last of all its time. `path`: where it is below the root. */
  directory(from: number, to: number, path: Buffer): void {
    for (const name of fs.readdirSync(`/proc/self/fd/${from}`, { encoding: 'buffer' })) {
      const stat = fs.lstatSync(Buffer.concat([Buffer.from(`/proc/self/fd/${from}/`), name]), { bigint: true });
      this.#entry({ from, to, name, stat }, path.length === 0 ? name : Buffer.concat([path, Buffer.from('/'), name]));
    }
    const self = { from, to, name: Buffer.from('.') };
    this.#attributes(self);
    this.#addon.setMetadata(to, ...metadata(fs.fstatSync(from, { bigint: true })));
  }

  #entry(entry: Entry, path: Buffer): void {
    const { stat, to, name } = entry;
    const key = stat.nlink > 1n && !stat.isDirectory() ? `${stat.dev}:${stat.ino}` : undefined;
    const first = key === undefined ? undefined : this.#linked.get(key);
    if (key !== undefined && first === undefined) this.#linked.set(key, path);
    if (first !== undefined) this.#addon.linkat(this.#root, first, to, name);
    else if (stat.isDirectory()) this.#subdirectory(entry, path);
    else if (stat.isFile()) this.#file(entry);
    else this.#special(entry);
  }

  #subdirectory({ from, to, name }: Entry, path: Buffer): void {
    this.#addon.mkdirat(to, name, 0o700);
    const source = this.#addon.openat2(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0);
    try {
      const target = this.#addon.openat2(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0);
      try {
        this.directory(source, target, path);
      } finally {
        fs.closeSync(target);
      }
    } finally {
      fs.closeSync(source);
    }
  }

  #file(entry: Entry): void {
    const { from, to, name, stat } = entry;
    const source = this.#addon.openat2(from, name, O_RDONLY | O_NOFOLLOW, 0, 0);
    try {
      const target = this.#addon.openat2(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600, 0);
      try {
        this.#addon.copyContent(source, target);
        this.#addon.setMetadata(target, ...metadata(stat));
      } finally {
        fs.closeSync(target);
      }
    } finally {
      fs.closeSync(source);
    }
    // After the owner, whose change takes file capabilities away.
    this.#attributes(entry);
  }

  /** A symbolic link, device, FIFO or socket. */
  #special(entry: Entry): void {
    const { from, to, name, stat } = entry;
    const [uid, gid, mode, seconds, nanoseconds] = metadata(stat);
    if (stat.isSymbolicLink()) this.#addon.symlinkat(this.#addon.readlinkat(from, name), to, name);
    else this.#addon.mknodat(to, name, Number(stat.mode & BigInt(S_IFMT)) | mode, ...device(stat.rdev));
    this.#addon.lchownat(to, name, uid, gid);
    if (!stat.isSymbolicLink()) this.#addon.fchmodat(to, name, mode);
    this.#addon.utimensat(to, name, seconds, nanoseconds);
    this.#attributes(entry);
  }

  #attributes({ from, to, name }: Pick<Entry, 'from' | 'to' | 'name'>): void {
    for (const attribute of this.#addon.llistxattrat(from, name)) {
      this.#addon.lsetxattrat(to, name, attribute, this.#addon.lgetxattrat(from, name, attribute));
    }
  }
}

function metadata(
  stat: fs.BigIntStats,
): [uid: number, gid: number, mode: number, seconds: number, nanoseconds: number] {
  const seconds = stat.mtimeNs >= 0n ? stat.mtimeNs / NANOSECONDS : (stat.mtimeNs - NANOSECONDS + 1n) / NANOSECONDS;
  const nanoseconds = stat.mtimeNs - seconds * NANOSECONDS;
  return [Number(stat.uid), Number(stat.gid), Number(stat.mode & MODE_BITS), Number(seconds), Number(nanoseconds)];
}

/** Major and minor number of a dev_t, as the kernel packs them for user space. */
/** The two numbers of a device, as Linux puts them together (makedev(3)). */
export const device = (rdev: bigint): [major: number, minor: number] => [
  Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n)),
  Number((rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n)),
];
