/** Showing a pod's lines with journalctl. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { AppName } from '#kernel/brand';
import { type LogSource, namespaceOption, podMatches } from './journal-match';
import { ALWAYS, notRun } from './journal-reader';

export interface LogQuery {
  readonly source: LogSource;
  /** Lines of these apps only; without any, every line of the unit: stage1's and systemd's own, too. */
  readonly apps?: readonly AppName[];
  /** The last so many lines. */
  readonly lines?: number | 'all';
  /** A moment as systemd.time(7) has it. */
  readonly since?: string;
  readonly until?: string;
}

/** From where on, for journalctl(1). */
export const rangeArguments = ({ lines, since, until }: LogQuery): readonly string[] => [
  ...(lines === undefined ? ['--no-tail'] : [`--lines=${lines}`]),
  ...(since === undefined ? [] : [`--since=${since}`]),
  ...(until === undefined ? [] : [`--until=${until}`]),
];

/**
 * Runs journalctl on our own stdin, stdout and stderr.
 * @param output a format of journalctl(1), `-o`
 * @returns its exit status; 128+n if signal n ended it
 * @throws PodctlError `journalctl-failed` if it cannot be run
 */
export function showLogs(query: LogQuery, output: string, program = 'journalctl'): Promise<number> {
  const args = [
    ...ALWAYS,
    `--output=${output}`,
    ...namespaceOption(query.source.namespace),
    ...rangeArguments(query),
    ...podMatches(query.source, query.apps),
  ];
  const child = spawn(program, args, { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.on('error', (error) => reject(notRun(program, error)));
    child.on('close', (status, signal) => resolve(status ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}
