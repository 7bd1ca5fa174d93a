/** Expansion by a program of the host, for what Node 20 has no library for. */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { errnoOf, PodctlError } from '#kernel/errors';
import type { Consumer, Expander } from './archive';
import type { Compression } from './compression';

interface Program {
  readonly argv: readonly [string, ...string[]];
  readonly debianPackage: string;
}

/** The memory limits fit the highest presets in use (xz -9: 65 MiB); larger dictionaries are made to exhaust the host. */
const PROGRAMS: Readonly<Record<Exclude<Compression, 'none' | 'gzip'>, Program>> = {
  xz: { argv: ['xz', '-dc', '--memlimit-decompress=256MiB'], debianPackage: 'xz-utils' },
  bzip2: { argv: ['bzip2', '-dc'], debianPackage: 'bzip2' },
  zstd: { argv: ['zstd', '-dcq', '--memory=256MB'], debianPackage: 'zstd' },
};
/** Of what a program says on stderr, this much is repeated. */
const MAX_COMPLAINT = 300;

export function hostProgram(compression: keyof typeof PROGRAMS, consume: Consumer): Expander {
  return new HostProgram(PROGRAMS[compression], consume);
}

class HostProgram implements Expander {
  readonly #program: Program;
  readonly #child: ChildProcessWithoutNullStreams;
  /** Settles when the program has ended and all its output was consumed. */
  readonly #finished: Promise<void>;
  #complaint = '';

  constructor(program: Program, consume: Consumer) {
    this.#program = program;
    const [command, ...args] = program.argv;
    // Loaded here and not before: that alone takes 4 ms, and most layers are of gzip.
    const { spawn } = process.getBuiltinModule('node:child_process');
    this.#child = spawn(command, args, { stdio: 'pipe', env: { PATH: process.env['PATH'], LC_ALL: 'C' } });
    this.#finished = this.#watch(consume);
    this.#finished.catch(() => undefined); // ignored: write and end hand it on
  }

  async write(chunk: Buffer): Promise<void> {
    const { stdin } = this.#child;
    // What it does not want to wait for it keeps, and the chunk is the caller's.
    if (stdin.write(chunk.length < stdin.writableHighWaterMark ? Buffer.from(chunk) : chunk)) return;
    // A program that gave up closes its stdin: there is no drain then, but an end.
    await Promise.race([once(this.#child.stdin, 'drain').catch(() => undefined), this.#finished]);
  }

  async end(): Promise<void> {
    this.#child.stdin.end();
    await this.#finished;
  }

  destroy(): void {
    this.#child.kill('SIGKILL');
    this.#child.stdout.destroy();
  }

  #watch(consume: Consumer): Promise<void> {
    const { stdin, stdout, stderr } = this.#child;
    stdin.on('error', () => undefined); // ignored: EPIPE says only that the program ended, and its status says why
    stderr.setEncoding('utf8').on('data', (text: string) => {
      if (this.#complaint.length < MAX_COMPLAINT) this.#complaint += text;
    });
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => {
        reject(error);
        this.destroy();
      };
      stdout.on('data', (chunk: Buffer) => {
        try {
          const consumed = consume(chunk);
          if (!(consumed instanceof Promise)) return;
          stdout.pause();
          consumed.then(() => stdout.resume(), fail);
        } catch (error) {
          fail(error);
        }
      });
      this.#child.on('error', (error) => reject(this.#notStarted(error)));
      this.#child.on('close', (code, signal) => {
        if (code === 0) resolve();
        else reject(this.#failed(code === null ? `was killed by ${signal}` : `ended with status ${code}`));
      });
    });
  }

  #notStarted(error: Error): PodctlError {
    const [command] = this.#program.argv;
    const problem = errnoOf(error) === 'ENOENT' ? 'is not installed' : `cannot be started: ${error.message}`;
    return new PodctlError('decompressor-missing', `the image needs ${command}, which ${problem}`, {
      hint: `install it, for example with: apt-get install ${this.#program.debianPackage}`,
      cause: error,
    });
  }

  #failed(how: string): PodctlError {
    const [command] = this.#program.argv;
    const [complaint = ''] = this.#complaint.trim().slice(0, MAX_COMPLAINT).split('\n');
    const truncated = /unexpected end|ends unexpectedly|truncated|premature/i.test(complaint)
      ? 'it is truncated: '
      : '';
    return new PodctlError(
      'image-archive-invalid',
      `the archive is not valid: ${truncated}${command} ${how}${complaint === '' ? '' : ` (${complaint})`}`,
    );
  }
}
