/** From podctl to a command in an app: this process becomes the executor's `enter`, which relays to it (stage1/README.md). */
import { PodctlError } from '#kernel/errors';
import { appCgroup, isFrozen, podCgroup } from '../pod/cgroups';
import { findApp } from '../pod/lookup';
import type { PodEntry } from '../pod/pods';
import { readAppStatus } from '../pod/record';
import { requireAwake } from './control';
import type { Services } from './services';

export interface EnterRequest {
  /** The command of podctl's that messages name. */
  readonly caller: string;
  /** Undefined: the only one. */
  readonly app: string | undefined;
  /** argv; empty for a shell. */
  readonly argv: readonly string[];
  /** Undefined: where stdin and stdout are terminals. */
  readonly terminal: boolean | undefined;
  /** All of root's capabilities, and no filter. */
  readonly privileged: boolean;
  /** Undefined: the app's. */
  readonly workingDirectory: string | undefined;
  /** Kind of the caller's terminal. */
  readonly term: string | undefined;
}

/** A kind of terminal is a name; anything else is not worth being passed on. */
const TERM = /^[A-Za-z0-9._+-]{1,64}$/;

/**
 * Returns only by throwing.
 * @throws PodctlError `pod-wrong-state`, `app-not-found`, `app-not-running`, `usage`
 */
export function enterApp(services: Services, entry: PodEntry, request: EnterRequest): never {
  const { workingDirectory } = request;
  if (workingDirectory !== undefined && !workingDirectory.startsWith('/'))
    throw new PodctlError('usage', `--working-dir: "${workingDirectory}" is not absolute`);
  requireAwake(services, entry);
  const { name } = findApp(entry, request.app);
  const status = readAppStatus(entry.path, name);
  if (status?.state !== 'running')
    throw new PodctlError('app-not-running', `app "${name}" of pod ${entry.id} ${describe(status)}`);
  // Whether the pod's processes are its own is the executor's to find out, which holds on to them.
  const cgroup = podCgroup(entry);
  if (cgroup !== undefined && isFrozen(appCgroup(cgroup, name))) {
    throw new PodctlError('app-wrong-state', `app "${name}" of pod ${entry.id} is paused`, {
      hint: `let it go on first: podctl resume --app=${name} ${entry.id}`,
    });
  }
  const argv = ['podctl-stage1', 'enter', entry.path, name, ...options(request), '--', ...request.argv];
  // Nothing of the caller's environment: the command's is the app's.
  return services.native.execve(services.executor, argv, [], []);
}

const describe = (status: ReturnType<typeof readAppStatus>): string =>
  status === undefined ? 'has not started yet' : `has ended with status ${status.exitCode ?? 'unknown'}`;

function options(request: EnterRequest): readonly string[] {
  const { caller, terminal, privileged, workingDirectory, term } = request;
  return [
    '--as',
    caller,
    ...(privileged ? ['--privileged'] : []),
    ...(terminal === undefined ? [] : [terminal ? '--tty' : '--no-tty']),
    ...(workingDirectory === undefined ? [] : ['--working-dir', workingDirectory]),
    ...(term !== undefined && TERM.test(term) ? ['--term', term] : []),
  ];
}
