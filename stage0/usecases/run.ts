/** Runs a prepared pod, and leaves nothing of one that did not start. */
import fs from 'node:fs';
import { once } from '#kernel/once';
import { discard } from './garbage';
import type { PreparedPod } from './prepare';
import { enterPrepared } from './prepared-entry';
import type { Services } from './services';
import { type Interrupts, type StartOptions, startPod } from './start';

/** From here on the pod is a running one to all who look, so that nobody takes its trees or its directory. */
export function enterRun(services: Services, prepared: PreparedPod): PreparedPod {
  if (prepared.pod.directory === 'prepare') enterPrepared(services, prepared); // else it was when it was kept
  return { ...prepared, pod: services.pods.move(prepared.pod, 'run') };
}

/**
 * @param prepared its pod in `run`: see enterRun()
 * @returns the exit status of the pod in the foreground, 0 for a detached one that came up
 * @throws PodctlError if the pod did not start
 */
export async function runPod(
  services: Services,
  prepared: PreparedPod,
  options: StartOptions,
  interrupts: Interrupts,
): Promise<number> {
  const running = prepared.pod;
  const release = once(() => fs.closeSync(running.lockFd));
  try {
    return await startPod(services, prepared, options, interrupts, release);
  } catch (error) {
    release();
    // Undefined if the pod runs after all, the bus having gone away meanwhile, or if gc was faster.
    const ended = services.pods.lock(running);
    if (ended !== undefined) discard(services, ended);
    throw error;
  } finally {
    services.disconnect();
  }
}
