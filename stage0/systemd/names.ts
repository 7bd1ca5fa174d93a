/** Names and calls of systemd's D-Bus interface (org.freedesktop.systemd1(5)). */
import type { MatchRule, MethodCall, Value } from './bus';

export const SYSTEMD = 'org.freedesktop.systemd1';
export const MANAGER_PATH = '/org/freedesktop/systemd1';
export const MANAGER = `${SYSTEMD}.Manager`;
export const UNIT = `${SYSTEMD}.Unit`;
export const SERVICE = `${SYSTEMD}.Service`;
export const PROPERTIES_INTERFACE = 'org.freedesktop.DBus.Properties';

export const systemd = (member: string, signature = '', body: readonly Value[] = []): MethodCall => ({
  destination: SYSTEMD,
  path: MANAGER_PATH,
  interface: MANAGER,
  member,
  signature,
  body,
});

export const getProperty = (path: string, of: string, name: string): MethodCall => ({
  destination: SYSTEMD,
  path,
  interface: PROPERTIES_INTERFACE,
  member: 'Get',
  signature: 'ss',
  body: [of, name],
});

/** JobRemoved(id, job path, unit, result) of one unit; with hundreds of units starting, only its own wakes a process. */
export const jobSignals = (unit: string): MatchRule => ({
  sender: SYSTEMD,
  path: MANAGER_PATH,
  interface: MANAGER,
  member: 'JobRemoved',
  arg2: unit,
});

/** UnitRemoved(unit, path): systemd has dropped a unit that was of no more use. Sent to those who have called Subscribe. */
export const UNIT_REMOVED = {
  sender: SYSTEMD,
  path: MANAGER_PATH,
  interface: MANAGER,
  member: 'UnitRemoved',
} as const;

/** PropertiesChanged(interface, changed, invalidated); add the path of the object. */
export const PROPERTIES_CHANGED = {
  sender: SYSTEMD,
  interface: PROPERTIES_INTERFACE,
  member: 'PropertiesChanged',
} as const;
