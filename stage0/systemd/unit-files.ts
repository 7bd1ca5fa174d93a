/** What systemd 252 leaves of a unit that is gone. */
import fs from 'node:fs';

/** What it tells journald of units, one file each; never removed with a transient unit that has LogExtraFields=. */
const EXTRA_FIELDS = '/run/systemd/units/log-extra-fields:';

/** To be called for a transient unit that will not run again. */
export function removeUnitFiles(unit: string): void {
  fs.rmSync(`${EXTRA_FIELDS}${unit}`, { force: true });
}
