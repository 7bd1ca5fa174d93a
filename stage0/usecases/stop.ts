/** Ends a running pod. */
import { PodctlError } from '#kernel/errors';
import { isFrozen, podCgroup } from '../pod/cgroups';
import type { PodEntry } from '../pod/pods';
import { unitOf } from '../pod/unit';
import { killAndStopUnit, stopUnit, thawUnit, unitStatus } from '../systemd/manager';
import { giveGrace } from './control';
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
  if (request.graceMs === undefined) return (await stopUnit(bus, unit)) !== undefined;
  return stopIn(services, entry, unit, request.graceMs);
}

/**
 * The init learns of its apps' time before it is stopped, as it would cut a longer one short; but the stop itself is systemd's from
 * the beginning: with apps that ended before it Restart= would have a turn.
 */
async function stopIn(services: Services, entry: PodEntry, unit: string, graceMs: number): Promise<boolean> {
  const bus = services.connect();
  const cgroup = podCgroup(entry);
  if (cgroup !== undefined && isFrozen(cgroup)) await thawUnit(bus, unit);
  const { activeState } = await unitStatus(bus, unit);
  const given = giveGrace(services, entry, graceMs);
  if (activeState === 'activating') {
    const [stopped] = await Promise.all([stopUnit(bus, unit), given]);
    return stopped !== undefined;
  }
  await given;
  return (await stopUnit(bus, unit)) !== undefined;
}
