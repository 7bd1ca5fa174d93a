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
  'systemd-silent': row('systemd did not answer in time.', '`systemctl list-jobs` shows what it is busy with'),
  'unit-gone': row('A systemd unit does not exist, or no longer.'),
  'unit-failed': row("systemd could not start a pod's unit.", '`journalctl -u UNIT` says more'),
  'journalctl-failed': row("systemd's journalctl cannot be run.", 'install systemd, which it is a part of'),
  // pods
  'pod-not-found': row('No pod has this UUID or name.', '`podctl list` shows the pods there are'),
  'pod-ambiguous': row('Several pods match this UUID prefix.', 'give more digits'),
  'pod-damaged': row("A file of a pod's directory cannot be read.", 'remove the pod with `podctl rm`'),
  'pod-wrong-state': row('The pod is not in a state in which this can be done.'),
  'pod-name-taken': row('Another pod has this name.', 'choose another --name, or remove that pod'),
  'pod-failed': row('The pod could not be started.'),
  // plan and apps
  'plan-invalid': row('A plan does not follow the syntax of the plan language.', 'it was damaged or made by another version'),
  'user-unknown': row("An app's user or group cannot be resolved in its image."),
  internal: row('A defect of podctl.', 'run again with --debug and report what it prints'),
  io: row('A system call failed.'),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;
