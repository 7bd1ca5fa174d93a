/** D-Bus errors in podctl's terms. */
import { PodctlError } from '#kernel/errors';
import { OLDEST_SYSTEMD } from '../../units/properties';
import { BusError, isBusError } from './bus';
import { SYSTEMD_RUNTIME } from './host';

const DBUS = 'org.freedesktop.DBus.Error.';
export const NO_SUCH_UNIT = 'org.freedesktop.systemd1.NoSuchUnit';

/** A failure of `what` ("cannot start podctl-….service"), explained; whatever is no D-Bus error is passed on as it is. */
export function explain(what: string, error: unknown): unknown {
  if (!(error instanceof BusError)) return error;
  const said = `${error.message} (${error.errorName})`;
  if (isBusError(error, `${DBUS}ServiceUnknown`, `${DBUS}NameHasNoOwner`, `${DBUS}Spawn.`)) {
    const hint = `run podctl on a host booted with systemd: ${SYSTEMD_RUNTIME} exists there`;
    return new PodctlError('no-systemd', `${what}: systemd is not on the system bus: ${said}`, { cause: error, hint });
  }
  if (isBusError(error, NO_SUCH_UNIT)) {
    return new PodctlError('unit-gone', `${what}: ${said}`, { cause: error });
  }
  const hint = hintFor(error.errorName);
  return new PodctlError(
    'systemd-refused',
    `${what}: ${said}`,
    hint === undefined ? { cause: error } : { cause: error, hint },
  );
}

function hintFor(errorName: string): string | undefined {
  switch (errorName) {
    case `${DBUS}PropertyReadOnly`:
      return `podctl needs systemd ${OLDEST_SYSTEMD} or newer; \`systemctl --version\` shows yours`;
    case `${DBUS}AccessDenied`:
    case `${DBUS}InteractiveAuthorizationRequired`:
      return 'run it as root, for example with sudo; root is refused by a policy of the bus (/etc/dbus-1/system.d) or by SELinux';
    case 'org.freedesktop.systemd1.UnitExists':
      return '`systemctl reset-failed UNIT` removes a failed unit of that name';
    default:
      return undefined;
  }
}
