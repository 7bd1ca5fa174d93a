/** Ends a running pod. */
import { PodctlError } from '#kernel/errors';
import { podUnit } from '../../units/name';
import type { PodEntry } from '../pod/pods';
import { killUnit, stopUnit } from '../systemd/manager';
import type { Services } from './services';

const SIGKILL = 9;

/**
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
  const unit = podUnit(entry.id);
  try {
    if (force) await killUnit(bus, unit, SIGKILL, 'all');
    // After a kill this only waits: the unit has nothing left that could take time to stop.
    return (await stopUnit(bus, unit)) !== undefined;
  } finally {
    bus.close();
  }
}
