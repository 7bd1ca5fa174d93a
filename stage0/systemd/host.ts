/** Failures that mean "this host has no systemd to talk to", explained. */
import { existsSync } from 'node:fs';
import { PodctlError } from '#kernel/errors';

/** Exists if and only if systemd is PID 1 (sd_booted(3)). */
export const SYSTEMD_RUNTIME = '/run/systemd/system';

/** @throws PodctlError `no-systemd` before anything was made that would have to be taken back */
export function assertSystemd(): void {
  if (existsSync(SYSTEMD_RUNTIME)) return;
  throw new PodctlError('no-systemd', `PID 1 of this host is not systemd: ${SYSTEMD_RUNTIME} does not exist`, {
    hint: 'run podctl on a host booted with systemd 252 or newer; podctl run --dry-run works anywhere',
  });
}

/** The bus at `socket` could not be reached, or went away. */
export function noBus(socket: string, cause: Error): PodctlError {
  const name = socket.replace(/^\0/, '@');
  const booted = existsSync(SYSTEMD_RUNTIME);
  const why = `the system bus at ${name} cannot be used: ${cause.message}`;
  if (!booted) {
    return new PodctlError('no-systemd', `${why}; nor is PID 1 systemd: ${SYSTEMD_RUNTIME} does not exist`, {
      cause,
      hint: 'run podctl on a host booted with systemd 252 or newer',
    });
  }
  return new PodctlError('no-systemd', why, {
    cause,
    hint: 'install dbus and start it (systemctl start dbus.socket), or correct DBUS_SYSTEM_BUS_ADDRESS',
  });
}
