/** Names of pods' units. */
import { isPodId, type PodId } from '#kernel/brand';

/** Matches the units of all pods and nothing else of podctl's (its own are `podctl-gc.service` and the like). */
export const POD_UNITS = 'podctl-????????-????-????-????-????????????.service';

export const podUnit = (pod: PodId): string => `podctl-${pod}.service`;

/** The pod whose unit this is, or undefined. */
export function podOfUnit(unit: string): PodId | undefined {
  const id = /^podctl-(.*)\.service$/.exec(unit)?.[1];
  return id !== undefined && isPodId(id) ? id : undefined;
}
