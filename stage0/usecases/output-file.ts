/** Files that users ask for: they appear under their name when they are complete and durable, or not at all. */
import fs from 'node:fs';
import path from 'node:path';
import { isErrno, PodctlError } from '#kernel/errors';
import { uniqueName } from '#kernel/unique';
import { fsyncDir } from '../files/durable';
import type { Interrupts } from './start';

/** Small pieces are written together. */
const WRITE_BYTES = 1024 * 1024;

/** Writes the content; `pause`, called now and then, throws once a signal came. */
export type Fill = (write: (bytes: Buffer) => void, pause: () => void) => Promise<void>;

/** @throws PodctlError `usage`, `output-exists` */
export function requireOutput(file: string, overwrite: boolean): void {
  if (!file.endsWith('.aci')) throw new PodctlError('usage', `"${file}" does not end in .aci`);
  if (!overwrite && fs.existsSync(file))
    throw new PodctlError('output-exists', `output ACI file exists (try --overwrite): ${file}`);
}

/** A signal ends it between two pieces, and then the unfinished file goes, as after every failure. */
export async function writeOutput(file: string, overwrite: boolean, interrupts: Interrupts, fill: Fill): Promise<void> {
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.${uniqueName()}.tmp`);
  let interrupted: NodeJS.Signals | undefined;
  const endInterrupts = interrupts((signal) => {
    interrupted = signal;
  });
  let fd = -1;
  try {
    fd = fs.openSync(temporary, 'wx', 0o644);
    const output = new BufferedOutput(fd);
    await fill(
      (bytes) => output.write(bytes),
      () => {
        if (interrupted !== undefined) throw new PodctlError('interrupted', `ended by ${interrupted}`);
      },
    );
    output.flush();
    fs.fsyncSync(fd);
    if (overwrite) fs.renameSync(temporary, file);
    else publishNew(temporary, file);
    fsyncDir(path.dirname(file));
  } finally {
    if (fd >= 0) fs.closeSync(fd);
    fs.rmSync(temporary, { force: true });
    endInterrupts();
  }
}

/** link(2) does not replace a file that has come meanwhile. */
function publishNew(temporary: string, file: string): void {
  try {
    fs.linkSync(temporary, file);
  } catch (cause) {
    if (isErrno(cause, 'EEXIST'))
      throw new PodctlError('output-exists', `output ACI file exists (try --overwrite): ${file}`, { cause });
    throw cause;
  }
}

class BufferedOutput {
  readonly #fd: number;
  readonly #buffer = Buffer.allocUnsafe(WRITE_BYTES);
  #filled = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(bytes: Buffer): void {
    if (bytes.length > WRITE_BYTES - this.#filled) this.flush();
    if (bytes.length >= WRITE_BYTES) {
      this.#put(bytes);
      return;
    }
    bytes.copy(this.#buffer, this.#filled);
    this.#filled += bytes.length;
  }

  flush(): void {
    this.#put(this.#buffer.subarray(0, this.#filled));
    this.#filled = 0;
  }

  #put(bytes: Buffer): void {
    for (let done = 0; done < bytes.length; ) done += fs.writeSync(this.#fd, bytes, done);
  }
}
