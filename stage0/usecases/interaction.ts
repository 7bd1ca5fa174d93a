/** Who starts a pod speaks to one of its apps: through a process of the executor, which this one becomes (stage1/README.md). */
import { PodctlError } from '#kernel/errors';
import type { AppSpec } from '../../stage1/plan/spec';
import { settledStdio, type TerminalShape } from '../../stage2/stdio';
import type { PodEntry } from '../pod/pods';
import type { Services } from './services';

export interface InteractionOptions {
  /** The app gets the input of this process. */
  readonly input: boolean;
  /** The app gets a terminal; `stderr`: that is its stderr, too. */
  readonly terminal: { readonly stderr: boolean; readonly shape: TerminalShape } | undefined;
  /** Bytes in hexadecimal digits. */
  readonly detachKeys: string;
}

/** Nobody speaks to the apps. */
export const NOBODY: InteractionOptions = { input: false, terminal: undefined, detachKeys: '' };

export const isInteractive = ({ input, terminal }: InteractionOptions): boolean => input || terminal !== undefined;

/** The apps, the one that is spoken to with the files for that. @throws PodctlError `usage`, `stdio-invalid` */
export function interactiveApps(apps: readonly AppSpec[], options: InteractionOptions): readonly AppSpec[] {
  if (!isInteractive(options)) return apps;
  const chosen = chooseApp(apps);
  return apps.map((app) => (app === chosen ? interactiveApp(app, options) : app));
}

const NOTHING_SAID = { stdin: undefined, stdout: undefined, stderr: undefined };

function interactiveApp(app: AppSpec, { input, terminal }: InteractionOptions): AppSpec {
  const said = app.saidStdio ?? NOTHING_SAID;
  const shape = terminal?.shape ?? app.stdio?.terminal;
  return shape === undefined ? app : { ...app, stdio: settledStdio(said, { input, terminal }, shape) };
}

/** The only one, or the only one that was said to have an input. */
function chooseApp(apps: readonly AppSpec[]): AppSpec {
  const listeners = apps.filter(({ stdio }) => stdio !== undefined && stdio.stdin !== 'null');
  const [chosen, ...others] = apps.length === 1 ? apps : listeners;
  if (chosen !== undefined && others.length === 0) return chosen;
  throw new PodctlError('usage', 'interactive option only supports one image', {
    hint: 'give one of the apps --stdin=stream or --stdin=tty',
  });
}

/** A connection for the pod's init (`theirs`), and its other end for this process to go on with. */
export interface Link {
  readonly ours: number;
  readonly theirs: number;
}

export function makeLink({ native }: Services): Link {
  const [ours = -1, theirs = -1] = native.socketPair();
  return { ours, theirs };
}

/** Returns only by throwing: the status is from now on the executor's to tell. */
export function goOnSpeaking(services: Services, pod: PodEntry, link: Link, options: InteractionOptions): never {
  const argv = [
    'podctl-stage1',
    'foreground',
    String(link.ours),
    pod.path,
    ...(options.input ? ['--input'] : []),
    ...(options.terminal === undefined ? [] : ['--terminal']),
    '--leave',
    options.detachKeys,
  ];
  return services.native.execve(services.executor, argv, [], [link.ours]);
}
