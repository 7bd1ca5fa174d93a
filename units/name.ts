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

/** machined takes no longer names. */
const MAX_NAME = 64;

/**
 * What a pod in a unit of the user's is called if nobody says otherwise: the unit's name as a name of a machine, with a dash for
 * every byte that cannot be in one (`web@1.service`: `web-1`). Undefined if nothing is left.
 */
export function podNameOfUnit(unit: string): string | undefined {
  const plain = unit
    .replace(/\.service$/, '')
    .replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replace(/[^A-Za-z0-9.]+/g, '-');
  const trimmed = (text: string): string => text.replace(/^[-.]+|[-.]+$/g, '');
  const parts = plain.split('.').map(trimmed);
  const name = trimmed(
    parts
      .filter((part) => part !== '')
      .join('.')
      .slice(0, MAX_NAME),
  );
  return name === '' ? undefined : name;
}
