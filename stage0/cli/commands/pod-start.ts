/** What `run` and `run-prepared` do around starting a pod. */
import fs from 'node:fs';
import type { PodId } from '#kernel/brand';
import { messageOf, PodctlError } from '#kernel/errors';
import { encodePlan } from '../../../stage1/plan/codec';
import { planPod } from '../../../stage1/plan/plan';
import type { Observe } from '../../image/fetch/events';
import type { PodEntry } from '../../pod/pods';
import { NOT_LOADED } from '../../pod/record';
import { discard } from '../../usecases/garbage';
import type { Placing } from '../../usecases/place';
import { type PreparedPod, type PrepareRequest, preparePod } from '../../usecases/prepare';
import type { Watch } from '../../usecases/replay';
import type { Services } from '../../usecases/services';
import { podSpec, type StartOptions } from '../../usecases/start';
import type { Context } from '../context';

export function saveUuid(pod: PodId, path: string | undefined): void {
  if (path === undefined) return;
  try {
    fs.writeFileSync(path, `${pod}\n`);
  } catch (cause) {
    throw new PodctlError('io', `cannot save the UUID: ${messageOf(cause)}`, { cause });
  }
}

/** A detached pod is told by its UUID; one in the foreground has spoken for itself. */
export function announce(context: Context, pod: PodId, { detach }: StartOptions): void {
  if (detach) context.out.line(pod);
}

/** Prepares the pod. A unit that waits for this hears what is going on meanwhile, and goes on waiting. */
export async function prepareIn(
  { executedBy }: Placing,
  services: Services,
  request: PrepareRequest,
): Promise<PreparedPod> {
  if (executedBy === undefined) return preparePod(services, request);
  const { tellUnit } = await import('./unit-progress.js');
  const telling = tellUnit(services);
  const observe: Observe = (event) => {
    request.fetch.observe(event);
    telling.observe(event);
  };
  try {
    return await preparePod(services, { ...request, fetch: { ...request.fetch, observe } });
  } finally {
    telling.end();
  }
}

/** Goes on as the pod, in the unit that executed this process. */
export async function takeOver(
  { env }: Context,
  services: Services,
  running: PreparedPod,
  options: StartOptions,
  watch?: Watch,
): Promise<never> {
  const { startInPlace } = await import('../../usecases/start-in-place.js');
  try {
    return startInPlace(services, running, options, env, watch);
  } catch (error) {
    discard(services, running.pod);
    throw error;
  }
}

/** After a pod in the foreground: a loader that did not find a library is quoted by name. */
export async function explain(context: Context, services: Services, pod: PodEntry, status: number): Promise<void> {
  if (status !== NOT_LOADED) return;
  const { tellOfLibraries } = await import('./library-report.js');
  tellOfLibraries(context, services, pod);
}

/** `--dry-run`: the plan on stdout. A pod that was made for it goes again; a prepared one stays prepared. */
export function showPlan(context: Context, services: Services, prepared: PreparedPod, options: StartOptions): number {
  const { pod } = prepared;
  try {
    const files = { from: process.pid, lock: pod.lockFd, stdout: 1, stderr: 2 };
    context.out.write(encodePlan(planPod(podSpec(services, prepared, files, options))));
  } finally {
    if (pod.directory === 'prepared') fs.closeSync(pod.lockFd);
    else discard(services, pod);
  }
  return 0;
}
