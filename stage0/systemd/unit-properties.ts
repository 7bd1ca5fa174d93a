/** All properties of a service, as JSON can hold them. */
import type { UnitProperty } from '../../units/properties';
import type { Bus, Value, Variant } from './bus';
import { PROPERTIES_INTERFACE, SERVICE, SYSTEMD, systemd, UNIT } from './names';
import { explain } from './refusals';
import { unitPath } from './unit-path';

/** Name to value. A number beyond 2^53 is text, infinity is "infinity". @throws PodctlError `no-systemd`, `systemd-refused` */
export async function unitProperties(bus: Bus, unit: string): Promise<Readonly<Record<string, unknown>>> {
  const all = async (of: string): Promise<readonly (readonly [string, unknown])[]> => {
    const { body } = await bus.call({
      destination: SYSTEMD,
      path: unitPath(unit),
      interface: PROPERTIES_INTERFACE,
      member: 'GetAll',
      signature: 's',
      body: [of],
    });
    return (body[0] as readonly (readonly [string, Variant])[]).map(([name, { value }]) => [name, plain(value)]);
  };
  try {
    const [ofUnit, ofService] = await Promise.all([all(UNIT), all(SERVICE)]);
    return Object.fromEntries([...ofUnit, ...ofService]);
  } catch (error) {
    throw explain(`cannot read the properties of ${unit}`, error);
  }
}

/**
 * Changes properties of a running unit, in /run: until it ends if it is transient, else until the next boot or `systemctl revert`.
 * @throws PodctlError `no-systemd`, `systemd-refused`, `unit-gone`
 */
export async function setProperties(bus: Bus, unit: string, properties: readonly UnitProperty[]): Promise<void> {
  const values = properties.map(([name, signature, value]) => [name, { signature, value }]);
  try {
    await bus.call(systemd('SetUnitProperties', 'sba(sv)', [unit, true, values]));
  } catch (error) {
    const names = properties.map(([name]) => name).join(', ');
    throw explain(`cannot change ${names} of ${unit}`, error);
  }
}

const INFINITY = 2n ** 64n - 1n;

function plain(value: Value): unknown {
  if (typeof value === 'bigint') {
    if (value === INFINITY) return 'infinity';
    return value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= -BigInt(Number.MAX_SAFE_INTEGER)
      ? Number(value)
      : String(value);
  }
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map((one) => plain(one as Value));
  if (typeof value === 'object' && value !== null && 'signature' in value) return plain(value.value as Value);
  return value;
}
