/** Gives a pod that is made its name. */
import fs from 'node:fs';
import type { PodId } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { podNameOfUnit } from '../../units/name';
import { machineOf } from '../pod/layout';
import { claimName } from '../pod/names';
import type { PodEntry, Pods } from '../pod/pods';
import type { HostUnit } from '../pod/record';
import { discardPredecessor } from './garbage';
import type { Services } from './services';

/** A pod in a unit of the user's is called as the unit is, unless somebody says otherwise. */
export function claimNameOf(
  services: Services,
  name: string | undefined,
  unit: HostUnit | undefined,
  pod: PodId,
): string {
  const wanted = name ?? podNameOfUnit(unit?.name ?? '');
  if (wanted === undefined) return machineOf(pod);
  try {
    if (unit !== undefined) discardPredecessor(services, wanted, unit);
    claimPodName(services, wanted, pod);
    return wanted;
  } catch (error) {
    if (name !== undefined || !(error instanceof PodctlError) || error.code !== 'pod-name-taken') throw error;
    services.warn(`${error.message}: the pod has none but ${machineOf(pod)}`);
    return machineOf(pod);
  }
}

/** A name is free once the pod that had it is over. */
export function claimPodName(
  { dataDir, native, pods }: Pick<Services, 'dataDir' | 'native' | 'pods'>,
  name: string,
  pod: PodId,
): void {
  claimName(dataDir, native, name, pod, (holder) => {
    const entry = pods.get(holder);
    return entry === undefined || (entry.directory === 'embryo' ? isGivenUp(pods, entry) : isOver(pods, entry));
  });
}

const isOver = (pods: Pods, entry: PodEntry): boolean => {
  const state = pods.state(entry);
  return state === undefined || !['preparing', 'prepared', 'running'].includes(state);
};

/** An embryo gets its name from whoever has it locked: without a lock, that process was killed. */
function isGivenUp(pods: Pods, entry: PodEntry): boolean {
  const fd = pods.hold(entry);
  if (fd === undefined) return false;
  fs.closeSync(fd);
  return true;
}
