/** A pod's limit bounds those of its apps (appc I4): the kernel sees to it, and whoever asked for more is told. */
import type { Bound, Effect, Place } from './types';

export interface Bounded {
  readonly value: bigint;
  readonly notes: readonly Effect[];
}

/** `wanted`, or the pod's if that is less. */
export function bounded(place: Place, of: Bound, wanted: bigint): Bounded {
  const most = place.bounds.get(of);
  if (most === undefined || wanted <= most) return { value: wanted, notes: [] };
  return {
    value: most,
    notes: [{ kind: 'adjusted', detail: `limit lowered to that of the pod (${shown(of, most)})` }],
  };
}

/** Thousandths of a CPU as people write them. */
const shown = (of: Bound, value: bigint): string => (of === 'cpu' ? `${value}m` : String(value));
