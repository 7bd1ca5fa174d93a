/** Runs journalctl, and reads what it prints as JSON. */
import { type ChildProcess, spawn } from 'node:child_process';
import { isErrno, messageOf, PodctlError } from '#kernel/errors';
import type { JournalEntry } from './journal-entry';

export interface Read {
  readonly entry: JournalEntry;
  /** As journalctl wrote it, without the newline. */
  readonly line: Buffer;
}

/** Of every call: nothing is left out because it is long or odd. */
export const ALWAYS = ['--quiet', '--no-pager', '--all'] as const;

/** What is kept of the complaints of a journalctl that goes on for long. */
const MAX_COMPLAINTS = 4096;

export const notRun = (program: string, error: Error): PodctlError => {
  const why = isErrno(error, 'ENOENT') ? `there is no ${program} in PATH` : messageOf(error);
  return new PodctlError('journalctl-failed', `cannot read the journal: ${why}`, { cause: error });
};

/** A journalctl whose entries are read one after another; it waits while nobody reads. */
export class JournalReader {
  readonly #child: ChildProcess;
  readonly #failed: Promise<PodctlError | undefined>;
  #complaints = '';
  #stopped = false;

  /** @param args beside those of every call; `--follow` for entries to come */
  constructor(args: readonly string[], program = 'journalctl') {
    this.#child = spawn(program, [...ALWAYS, '--output=json', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stderr?.on('data', (piece: Buffer) => {
      this.#complaints = (this.#complaints + piece.toString()).slice(-MAX_COMPLAINTS);
    });
    this.#failed = new Promise((resolve) => {
      this.#child.on('error', (error) => resolve(notRun(program, error)));
      this.#child.on('close', (status, signal) => resolve(this.#verdict(status, signal)));
    });
  }

  /** Ends it; what was not read by then is not read. */
  stop(): void {
    this.#stopped = true;
    this.#child.kill('SIGTERM');
    this.#child.stdout?.destroy();
  }

  /** @throws PodctlError `journalctl-failed` */
  async *entries(): AsyncGenerator<Read, void, undefined> {
    try {
      for await (const line of this.#lines()) yield { entry: JSON.parse(line.toString()) as JournalEntry, line };
    } finally {
      if (!this.#stopped && this.#child.exitCode === null) this.stop();
    }
    const failure = await this.#failed;
    if (failure !== undefined) throw failure;
  }

  /** A binary line of 1 MB has 4 MB here: pieces are joined only once its end is seen. */
  async *#lines(): AsyncGenerator<Buffer, void, undefined> {
    const { stdout } = this.#child;
    if (stdout === null) return;
    let begun: Buffer[] = [];
    try {
      for await (const piece of stdout as AsyncIterable<Buffer>) {
        let start = 0;
        for (let end = piece.indexOf(0x0a); end >= 0; end = piece.indexOf(0x0a, start)) {
          yield Buffer.concat([...begun, piece.subarray(start, end)]);
          begun = [];
          start = end + 1;
        }
        if (start < piece.length) begun.push(piece.subarray(start));
      }
    } catch (error) {
      if (!this.#stopped) throw error; // ignored: stop() has closed it
    }
  }

  #verdict(status: number | null, signal: NodeJS.Signals | null): PodctlError | undefined {
    if (this.#stopped || status === 0) return undefined;
    const how = signal === null ? `status ${status}` : signal;
    // 1 without a word: there are no entries (systemd 252 says so by its status)
    if (status === 1 && this.#complaints === '') return undefined;
    return new PodctlError('journalctl-failed', `journalctl ended with ${how}: ${this.#complaints.trim()}`);
  }
}

/** All entries there are. @throws PodctlError `journalctl-failed` */
export async function readEntries(args: readonly string[]): Promise<readonly JournalEntry[]> {
  const entries: JournalEntry[] = [];
  for await (const { entry } of new JournalReader(args).entries()) entries.push(entry);
  return entries;
}
