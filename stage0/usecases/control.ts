/** What the init of a running pod is asked, through its control socket (stage1/README.md), by way of the executor. */
import { spawn, spawnSync } from 'node:child_process';
import type { AbsPath, AppName } from '#kernel/brand';
import { ERRORS, type ErrorCode } from '#kernel/error-table';
import { PodctlError } from '#kernel/errors';
import { isFrozen, podCgroup } from '../pod/cgroups';
import type { PodEntry } from '../pod/pods';
import type { Services } from './services';

/** As the init tells it. */
export type LiveState = 'created' | 'waiting' | 'running' | 'restarting' | 'exited';

export interface LiveApp {
  readonly name: AppName;
  readonly state: LiveState;
}

const MAX_ANSWER = 1024 * 1024;
/** Exit status of the executor's verb for an answer that begins with `error`. */
const REFUSED = 1;

/** @throws PodctlError `pod-wrong-state` unless the pod runs */
export function requireRunning({ pods }: Pick<Services, 'pods'>, entry: PodEntry): void {
  const state = pods.state(entry);
  if (state === 'running') return;
  throw new PodctlError('pod-wrong-state', `pod ${entry.id} is ${state ?? 'being removed'}, not running`);
}

/** @throws PodctlError `pod-wrong-state` if the pod does not run, or is paused and could not answer */
export function requireAwake(services: Pick<Services, 'pods'>, entry: PodEntry): void {
  const cgroup = podCgroup(entry);
  requireRunning(services, entry);
  if (cgroup === undefined || !isFrozen(cgroup)) return;
  throw new PodctlError('pod-wrong-state', `pod ${entry.id} is paused`, {
    hint: `let it go on first: podctl resume ${entry.id}`,
  });
}

/** The apps that the init has, in its order. @throws PodctlError `pod-wrong-state`, `control-failed` */
export function listLive(services: Services, entry: PodEntry): readonly LiveApp[] {
  return ask(services, entry, 'list')
    .filter((line) => line !== 'ok')
    .map((line) => {
      const [name, state] = line.split(' ');
      return { name: name as AppName, state: state as LiveState };
    });
}

/** Returns when the app's program was executed. @throws PodctlError `app-not-found`, `app-failed` */
export const startLive = (services: Services, entry: PodEntry, app: AppName): void =>
  void ask(services, entry, 'start', app);

/**
 * Returns when it has ended.
 * @param graceMs undefined: the pod's own; 0: kill it at once
 * @throws PodctlError `app-not-found`
 */
export const stopLive = (services: Services, entry: PodEntry, app: AppName, graceMs: number | undefined): void =>
  void ask(services, entry, 'stop', app, ...(graceMs === undefined ? [] : [String(graceMs)]));

/**
 * Stops it and returns when it runs again; the pod goes on meanwhile, whatever its exit policy.
 * @param graceMs as of stopLive()
 * @throws PodctlError `app-not-found`, `app-failed`
 */
export const restartLive = (services: Services, entry: PodEntry, app: AppName, graceMs: number | undefined): void =>
  void ask(services, entry, 'restart', app, ...(graceMs === undefined ? [] : [String(graceMs)]));

/** @throws PodctlError `app-not-found`, `app-wrong-state` if it has not ended */
export const removeLive = (services: Services, entry: PodEntry, app: AppName): void =>
  void ask(services, entry, 'rm', app);

/** Names of what can be attached to. @throws PodctlError `app-not-found` */
export const askEndpoints = (services: Services, entry: PodEntry, app: AppName): readonly string[] =>
  ask(services, entry, 'endpoints', app).flatMap((line) => line.replace(/^ok ?/, '').split(','));

function ask(services: Services, entry: PodEntry, ...words: readonly string[]): readonly string[] {
  requireAwake(services, entry);
  const { status, stdout, stderr } = runExecutor(services.executor, ['control', entry.path, ...words]);
  const lines = stdout.split('\n').filter((line) => line !== '');
  if (status === 0) return lines;
  if (status === REFUSED) throw refusal(lines.at(-1) ?? '');
  throw new PodctlError('control-failed', `pod ${entry.id}: ${stderr.trim().replace(/^podctl-stage1: /, '')}`);
}

/**
 * Has the pod's apps get `graceMs` when it is stopped. The init of a pod that is not up yet answers only when it is stopped.
 * @throws PodctlError `control-failed` if it could not be asked, or refuses
 */
export async function giveGrace({ executor }: Services, entry: PodEntry, graceMs: number): Promise<void> {
  const args = ['control', entry.path, 'grace', String(graceMs)];
  const { status, stdout } = await new Promise<{ status: number | null; stdout: string }>((resolve, reject) => {
    const asking = spawn(executor, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    let said = '';
    asking.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    asking.on('error', (cause) => reject(new PodctlError('control-failed', cause.message, { cause })));
    asking.on('close', (code) => resolve({ status: code, stdout: said }));
  });
  // One that has ended meanwhile, or answers nobody, is ended by the unit's stop.
  if (status === REFUSED) throw refusal(stdout.trimEnd());
}

/** `error CODE MESSAGE`; a code that is not in the table is a defect of one of the two sides. */
function refusal(line: string): PodctlError {
  const [, code = '', message = ''] = /^error (\S+) (.*)$/.exec(line) ?? [];
  const known = (text: string): text is ErrorCode => Object.hasOwn(ERRORS, text);
  return known(code) ? new PodctlError(code, message) : new PodctlError('control-failed', `the init says: ${line}`);
}

/** The executor as a program of the host. `lock` becomes its file 3. */
export function runExecutor(
  executor: AbsPath,
  args: readonly string[],
  lock?: number,
): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const files: ('ignore' | 'pipe' | number)[] = ['ignore', 'pipe', 'pipe', ...(lock === undefined ? [] : [lock])];
  const done = spawnSync(executor, args, { stdio: files, encoding: 'utf8', maxBuffer: MAX_ANSWER });
  if (done.error !== undefined) throw new PodctlError('control-failed', done.error.message, { cause: done.error });
  return done;
}
