/** Where a pod is to run: in a unit of its own, or in the user's that has executed this podctl (docs/service.md). */
import fs from 'node:fs';
import { PodctlError } from '#kernel/errors';
import type { HostUnit } from '../pod/record';
import { type OwnUnit, ownState, ownUnit } from '../systemd/own-unit';
import { requireFit } from './fit-unit';
import type { Services } from './services';

/** `auto`: in place if this is the main process of a unit with Delegate=yes. */
export type InPlace = 'auto' | 'yes' | 'no';

export interface PlaceWish {
  readonly wanted: InPlace;
  /** The option that wants this process beside the pod, or gone at once. */
  readonly apart: string | undefined;
}

export interface Place {
  /** The unit to take over; undefined: a unit of the pod's own. */
  readonly unit: HostUnit | undefined;
  /** The unit that this process belongs to, where the pod has its own all the same. */
  readonly outer: OwnUnit | undefined;
}

export const APART: Place = { unit: undefined, outer: undefined };

/**
 * Waits for systemd only if it was systemd that executed this process.
 * @throws PodctlError `not-in-place` if the pod cannot run where `wanted` demands, `unit-unfit` if it could not do so there
 */
export async function placeOf(
  services: Pick<Services, 'connect' | 'warn'>,
  env: Readonly<Record<string, string | undefined>>,
  { wanted, apart }: PlaceWish,
): Promise<Place> {
  const unit = ownUnit(env, process.pid, fs.readFileSync('/proc/self/cgroup', 'utf8'));
  if (wanted === 'no' || apart !== undefined) {
    if (wanted === 'yes') throw new PodctlError('usage', `--in-place and ${apart} contradict each other`);
    return { unit: undefined, outer: unit };
  }
  const obstacle =
    unit === undefined ? 'podctl was not executed by a unit of systemd' : await obstacleIn(services, unit);
  if (obstacle === undefined) {
    requireFit(unit?.name ?? '');
    return { unit, outer: undefined };
  }
  if (wanted === 'yes') throw new PodctlError('not-in-place', `the pod cannot run in place: ${obstacle}`);
  if (unit !== undefined) {
    services.warn(`the pod runs in a unit of its own: ${obstacle}; with Delegate=yes, it runs in ${unit.name} itself`);
  }
  return { unit: undefined, outer: unit };
}

async function obstacleIn(services: Pick<Services, 'connect'>, unit: OwnUnit): Promise<string | undefined> {
  const { mainPid, isDelegated } = await ownState(services.connect(), unit.name);
  if (mainPid !== process.pid) return `podctl is not the main process (ExecStart=) of ${unit.name}`;
  return isDelegated ? undefined : `${unit.name} has no cgroups of its own (Delegate=)`;
}
