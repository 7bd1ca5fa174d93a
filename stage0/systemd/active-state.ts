/** Waits for a unit to be in a state, by systemd's signals. */
import type { Bus, Signal, Value } from './bus';
import { getProperty, PROPERTIES_CHANGED, systemd, UNIT } from './names';
import { explain } from './refusals';
import { unitPath } from './unit-path';

/**
 * Returns once ActiveState is `wanted`; for a unit of Type=notify, `active` is after READY=1. Never returns for one that never
 * is: the caller knows what ends its patience.
 * @throws PodctlError `no-systemd`, `systemd-silent`, `systemd-refused`
 */
export async function watchActiveState(bus: Bus, unit: string, wanted: string): Promise<void> {
  const path = unitPath(unit);
  let hear: (state: unknown) => void = () => undefined;
  const heard = new Promise<void>((resolve) => {
    hear = (state) => state === wanted && resolve();
  });
  const listen = ({ body: [of, changed] }: Signal): void => {
    const values = changed as [string, { readonly value: Value }][];
    if (of === UNIT) hear(values.find(([name]) => name === 'ActiveState')?.[1].value);
  };
  try {
    const [, , { body }] = await Promise.all([
      bus.match({ ...PROPERTIES_CHANGED, path }, listen),
      bus.call(systemd('Subscribe')),
      bus.call(getProperty(path, UNIT, 'ActiveState')),
    ]);
    hear((body[0] as { readonly value: Value }).value);
  } catch (error) {
    throw explain(`cannot watch ${unit}`, error);
  }
  const lost = await Promise.race([heard, bus.closed]);
  if (lost !== undefined) throw lost;
}
