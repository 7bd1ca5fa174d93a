/** Reading a pod's lines with journalctl. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { AppName, PodId } from '#kernel/brand';
import { isErrno, messageOf, PodctlError } from '#kernel/errors';

export interface LogQuery {
  readonly pod: PodId;
  /** Lines of these apps only; without any, every line of the unit: stage1's and systemd's own, too. */
  readonly apps?: readonly AppName[];
  /** The pod's journal namespace; absent: the host's journal. */
  readonly namespace?: string;
  readonly follow?: boolean;
  /** The last so many lines. */
  readonly lines?: number | 'all';
  /** A moment as systemd.time(7) has it. */
  readonly since?: string;
  readonly until?: string;
  /** An output format of journalctl(1), `-o`. */
  readonly output?: string;
}

/** Arguments for journalctl(1). Different fields are joined by AND, the same field by OR. */
export function journalctlArguments(query: LogQuery): readonly string[] {
  return [
    '--quiet',
    '--no-pager',
    '--all',
    // What systemd says of the unit is in the host's journal.
    ...(query.namespace === undefined ? [] : [`--namespace=+${query.namespace}`]),
    ...(query.follow ? ['--follow'] : []),
    ...(query.lines === undefined ? [] : [`--lines=${query.lines}`]),
    ...(query.since === undefined ? [] : [`--since=${query.since}`]),
    ...(query.until === undefined ? [] : [`--until=${query.until}`]),
    ...(query.output === undefined ? [] : [`--output=${query.output}`]),
    `POD_UUID=${query.pod}`,
    ...(query.apps ?? []).map((app) => `SYSLOG_IDENTIFIER=${app}`),
  ];
}

/**
 * Runs journalctl on our own stdin, stdout and stderr.
 * @returns its exit status; 128+n if signal n ended it
 * @throws PodctlError `journalctl-failed` if it cannot be run
 */
export function showLogs(query: LogQuery, program = 'journalctl'): Promise<number> {
  const child = spawn(program, journalctlArguments(query), { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.on('error', (error) => {
      const why = isErrno(error, 'ENOENT') ? `there is no ${program} in PATH` : messageOf(error);
      reject(new PodctlError('journalctl-failed', `cannot read the journal: ${why}`, { cause: error }));
    });
    child.on('close', (status, signal) => resolve(status ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}
