/** Ends a running pod. */
import { PodctlError } from '#kernel/errors';
import { isFrozen, podCgroup } from '../pod/cgroups';
import type { PodEntry } from '../pod/pods';
import { readAppStatus, recordIfReadable } from '../pod/record';
import { unitOf } from '../pod/unit';
import { killAndStopUnit, stopUnit, thawUnit } from '../systemd/manager';
import { stopAllLive } from './control';
import type { Services } from './services';

export interface StopRequest {
  /** Kill every process of the pod instead of asking. */
  readonly force: boolean;
  /** How long apps may take before they are killed. Undefined: as the pod was started with. */
  readonly graceMs: number | undefined;
}

/**
 * A pod or an app that is paused goes on, to be able to stop. The connection to the bus stays open, for the next pod.
 * @returns false if the pod had already ended
 * @throws PodctlError `pod-wrong-state` for a pod that never ran, `systemd-refused`
 */
export async function stopPod(services: Services, entry: PodEntry, request: StopRequest): Promise<boolean> {
  const state = services.pods.state(entry);
  if (state !== 'running') {
    if (state === undefined || state.startsWith('exited') || state === 'garbage' || state === 'deleting') return false;
    throw new PodctlError('pod-wrong-state', `pod ${entry.id} is ${state}: there is nothing to stop`);
  }
  const bus = services.connect();
  const unit = unitOf(entry);
  if (request.force) {
    await killAndStopUnit(bus, unit);
    return true;
  }
  if (request.graceMs !== undefined) await stopApps(services, entry, unit, request.graceMs);
  const stopped = await stopUnit(bus, unit);
  // With its apps the pod may have ended, and its unit gone, before that.
  return stopped !== undefined || request.graceMs !== undefined;
}

/** The init's own patience, and systemd's, are as the pod was started with: so each app is stopped with another one. */
async function stopApps(services: Services, entry: PodEntry, unit: string, graceMs: number): Promise<void> {
  const cgroup = podCgroup(entry);
  if (cgroup === undefined) return;
  if (isFrozen(cgroup)) await thawUnit(services.connect(), unit);
  const apps = (recordIfReadable(entry.path)?.apps ?? [])
    .map(({ name }) => name)
    .filter((name) => readAppStatus(entry.path, name)?.state === 'running');
  await stopAllLive(services, entry, apps, graceMs);
}
