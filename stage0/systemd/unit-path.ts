/** The object paths of units, computed as systemd does (sd_bus_path_encode(3)), so that no call is needed to learn them. */

const UNITS = '/org/freedesktop/systemd1/unit/';

/** Every byte but an ASCII letter or digit is `_xx`, a leading digit too; the empty name is `_`. */
export function unitPath(unit: string): string {
  if (unit === '') return `${UNITS}_`;
  const name = Buffer.from(unit).toString('latin1');
  return UNITS + name.replace(/[^A-Za-z0-9]|^\d/g, (char) => `_${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
