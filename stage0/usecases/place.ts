/** Where a pod is to run: in a unit of its own, or in the user's that has executed this podctl (docs/service.md). */
import fs from 'node:fs';
import { PodctlError } from '#kernel/errors';
import { once } from '#kernel/once';
import type { HostUnit } from '../pod/record';
import type { AskBus } from '../systemd/bus';
import { askOwnState, type OwnUnit, ownUnit } from '../systemd/own-unit';
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

/** Where the pod is to run, once that is asked for. */
export interface Placing {
  /** What has executed this process, and may wait for it. */
  readonly executedBy: OwnUnit | undefined;
  /**
   * Waits for systemd only if it was systemd that executed this process.
   * @throws PodctlError `not-in-place` if the pod cannot run where it has to, `unit-unfit` if it could not do so there
   */
  place(): Place;
}

const APART: Place = { unit: undefined, outer: undefined };
export const PLACED_APART: Placing = { executedBy: undefined, place: () => APART };

type Environment = Readonly<Record<string, string | undefined>>;

/** Asks systemd about the unit that executed this process, if there is one. @throws PodctlError `usage`, `no-systemd` */
export function askPlace(
  services: Pick<Services, 'ask' | 'warn'>,
  env: Environment,
  { wanted, apart }: PlaceWish,
): Placing {
  const unit = ownUnit(env, process.pid, () => fs.readFileSync('/proc/self/cgroup', 'utf8'));
  if (wanted === 'no' || apart !== undefined) {
    if (wanted === 'yes') throw new PodctlError('usage', `--in-place and ${apart} contradict each other`);
    return { executedBy: unit, place: () => ({ unit: undefined, outer: unit }) };
  }
  const obstacle =
    unit === undefined ? () => 'podctl was not executed by a unit of systemd' : askObstacle(services.ask, unit);
  return { executedBy: unit, place: once(() => placeIn(services, wanted, unit, obstacle())) };
}

/** @param obstacle why the pod cannot run in `unit`; undefined if it can */
function placeIn(
  { warn }: Pick<Services, 'warn'>,
  wanted: InPlace,
  unit: OwnUnit | undefined,
  obstacle: string | undefined,
): Place {
  if (obstacle === undefined) {
    requireFit(unit?.name ?? '');
    return { unit, outer: undefined };
  }
  if (wanted === 'yes') throw new PodctlError('not-in-place', `the pod cannot run in place: ${obstacle}`);
  if (unit !== undefined) {
    warn(`the pod runs in a unit of its own: ${obstacle}; with Delegate=yes, it runs in ${unit.name} itself`);
  }
  return { unit: undefined, outer: unit };
}

function askObstacle(ask: AskBus, unit: OwnUnit): () => string | undefined {
  const state = askOwnState(ask, unit.name);
  return () => {
    const { mainPid, isDelegated } = state();
    if (mainPid !== process.pid) return `podctl is not the main process (ExecStart=) of ${unit.name}`;
    return isDelegated ? undefined : `${unit.name} has no cgroups of its own (Delegate=)`;
  };
}
