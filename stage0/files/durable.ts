/**
 * Writes that survive power loss: temporary file in the same directory → write → fsync → rename → fsync of the directory.
 * A name is either the old file, the new one, or absent; never a part of one.
 */
import fs from 'node:fs';
import path from 'node:path';
import { isErrno } from '#kernel/errors';
import { uniqueName } from '#kernel/unique';

/**
 * Directories whose entries changed, made durable together: several files written into one directory need one fsync of it.
 * Nothing is promised before `flush` returns.
 */
export class DurableBatch {
  readonly #directories = new Set<string>();

  add(directory: string): void {
    this.#directories.add(directory);
  }

  flush(): void {
    for (const directory of this.#directories) fsyncDir(directory);
    this.#directories.clear();
  }
}

export interface DurableOptions {
  /** Leaves the fsync of directories to `batch.flush()`. */
  readonly batch?: DurableBatch;
}

/** fsync(2) of a file or a directory by its path. */
export function fsyncPath(path: string): void {
  const fd = fs.openSync(path, fs.constants.O_RDONLY);
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** Makes the entries of a directory durable. */
export const fsyncDir = fsyncPath;

const settle = (directory: string, { batch }: DurableOptions): void =>
  batch === undefined ? fsyncDir(directory) : batch.add(directory);

/** Replaces or makes the file at `file`. `mode` is exact, whatever the umask. */
export function writeFileDurable(
  file: string,
  data: string | NodeJS.ArrayBufferView,
  mode: number,
  options: DurableOptions = {},
): void {
  const temporary = `${file}.${uniqueName()}.tmp`;
  try {
    const fd = fs.openSync(temporary, 'wx', mode);
    try {
      fs.fchmodSync(fd, mode);
      fs.writeFileSync(fd, data);
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(temporary, file);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
  settle(path.dirname(file), options);
}

/** rename(2), durable in both directories. What `from` holds has to be durable already. */
export function renameDurable(from: string, to: string, options: DurableOptions = {}): void {
  fs.renameSync(from, to);
  settle(path.dirname(to), options);
  if (path.dirname(from) !== path.dirname(to)) settle(path.dirname(from), options);
}

/** A directory and its missing parents. Costs one stat when it is there. */
export function mkdirDurable(directory: string, mode: number): void {
  if (fs.existsSync(directory)) return;
  const parent = path.dirname(directory);
  mkdirDurable(parent, 0o755);
  try {
    fs.mkdirSync(directory, { mode });
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error; // another process made it in this instant
  }
  fsyncDir(parent);
}
