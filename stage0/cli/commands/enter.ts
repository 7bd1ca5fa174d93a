import { command, commandSpec, many, required } from '../command';
import { optional, text, toggle } from '../flag';

/** Of `enter` and `app exec`. */
export const ENTER_FLAGS = {
  app: text('name of the app, if the pod has several', { value: 'APP', complete: 'app' }),
  privileged: toggle(
    "as root with every capability and no system call filter, still in the app's namespaces and cgroup",
  ),
  tty: optional('a terminal for the command; by default if stdin and stdout are terminals', {
    bare: 'true',
    value: 'BOOL',
    short: 't',
  }),
  workingDir: text("directory to begin in, instead of the app's", { value: 'DIR' }),
} as const;

/** Of both, too. */
export const ENTER_EXIT_CODES = [
  { status: '0–253', when: "the command's own status" },
  { status: '128+N', when: 'signal N ended the command' },
] as const;

export const spec = commandSpec({
  name: 'enter',
  summary: 'run a command in an app of a running pod',
  description:
    'The command runs as the app does: in its namespaces and cgroup, as its user, with its environment, its capabilities, its ' +
    'system call filter and its limits. Without a command it is /bin/bash or /bin/sh. Flags stand before the UUID.\n\n' +
    "Between two terminals the command gets a new one of the app's own; otherwise its input and output are pipes. Signals that " +
    'podctl gets go to the command, which ends when podctl does; what the command has started goes on, as after `exit`, until ' +
    'the app ends at the latest. All of stdin is read, so a loop over lines of a file wants ' +
    '`</dev/null`.',
  args: { uuid: required('UUID', 'pod'), command: many('CMD') },
  flags: ENTER_FLAGS,
  leadingFlags: true,
  privilege: 'root',
  exitCodes: ENTER_EXIT_CODES,
  examples: [
    { line: 'podctl enter shop', does: 'A shell in the only app of the pod called shop' },
    {
      line: 'podctl enter --app=db shop pg_dump -U postgres > dump.sql',
      does: 'Save what a program of the app db writes',
    },
  ],
});

export const enter = command(spec, () => import('./enter.run.js'));
