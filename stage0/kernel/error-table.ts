/**
 * Every failure podctl reports: a stable code (never renamed, never reused), its exit status, and a default hint.
 * docs/errors.md lists exactly these rows (a test compares them).
 */
export interface ErrorRow {
  readonly exit: number;
  readonly summary: string;
  readonly hint?: string;
}

/** Every failure of podctl itself, as in rkt; an app's own status passes through `run` unchanged. */
const FAILURE = 254;

const row = (summary: string, hint?: string): ErrorRow =>
  hint === undefined ? { exit: FAILURE, summary } : { exit: FAILURE, summary, hint };

export const ERRORS = {
  // command line
  usage: row('The command line cannot be understood.'),
  'not-root': row('The command needs root.', 'run it as root, for example with sudo'),
  'invalid-name': row('A name does not have the syntax it must have.'),
  // host
  'no-systemd': row('The host is not running systemd, or its bus cannot be reached.'),
  'systemd-refused': row('systemd refused a request.'),
  internal: row('A defect of podctl.', 'run again with --debug and report what it prints'),
  io: row('A system call failed.'),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;
