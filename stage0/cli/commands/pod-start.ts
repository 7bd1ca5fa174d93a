/** What `run` and `run-prepared` do around starting a pod. */
import fs from 'node:fs';
import type { PodId } from '#kernel/brand';
import { messageOf, PodctlError } from '#kernel/errors';
import { encodePlan } from '../../../stage1/plan/codec';
import { planPod } from '../../../stage1/plan/plan';
import { discard } from '../../usecases/garbage';
import type { PreparedPod } from '../../usecases/prepare';
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
