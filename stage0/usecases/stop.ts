/** Ends a running pod. */
import { PodctlError } from '#kernel/errors';
import type { PodEntry } from '../pod/pods';
import { unitOf } from '../pod/unit';
import { killUnit, stopUnit } from '../systemd/manager';
import type { Services } from './services';

const SIGKILL = 9;

/**
 * The connection to the bus stays open, for the next pod.
 * @param force kill every process of the pod instead of asking
 * @returns false if the pod had already ended
 * @throws PodctlError `pod-wrong-state` for a pod that never ran, `systemd-refused`
 */
export async function stopPod(services: Services, entry: PodEntry, force: boolean): Promise<boolean> {
  const state = services.pods.state(entry);
  if (state !== 'running') {
    if (state === undefined || state.startsWith('exited') || state === 'garbage' || state === 'deleting') return false;
    throw new PodctlError('pod-wrong-state', `pod ${entry.id} is ${state}: there is nothing to stop`);
  }
  const bus = services.connect();
  const unit = unitOf(entry);
  if (!force) return (await stopUnit(bus, unit)) !== undefined;
  await killUnit(bus, unit, SIGKILL, 'all');
  // Only waits: the unit has nothing left that could take time to stop, and may be gone already.
  await stopUnit(bus, unit);
  return true;
}
