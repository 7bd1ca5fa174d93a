/** Which entries of the journal are a pod's, as arguments of journalctl(1). Pure. */
import type { AppName, PodId } from '#kernel/brand';
import { podUnit } from '../../units/name';

/** Where a pod's lines are. */
export interface LogSource {
  readonly pod: PodId;
  /** The unit it runs in, or ran in: its own, or the user's. */
  readonly unit: string;
  /** The run of that unit (32 hexadecimal digits), for a unit of the user's, which may have had many pods. */
  readonly invocation?: string;
  /** The journal's namespace (journald's, LogNamespace=) of the pod. */
  readonly namespace?: string;
}

/**
 * Fields of different names are joined by AND, of the same name by OR, and both sides of `+` by OR. Only what journald itself
 * says is trusted: anybody may write an entry with any POD_UUID.
 * @param apps none: the lines of all of the unit, systemd's about it, and the pod's events
 */
export function podMatches({ pod, unit, invocation }: LogSource, apps: readonly AppName[] = []): readonly string[] {
  const within = (field: string): readonly string[] => (invocation === undefined ? [] : [`${field}=${invocation}`]);
  const lines = [`_SYSTEMD_UNIT=${unit}`, ...within('_SYSTEMD_INVOCATION_ID')];
  if (apps.length > 0) return [...lines, ...apps.map((app) => `SYSLOG_IDENTIFIER=${app}`)];
  const ofSystemd = ['_PID=1', `UNIT=${unit}`, ...within('INVOCATION_ID')];
  return [...lines, '+', ...ofSystemd, '+', '_UID=0', `POD_UUID=${pod}`];
}

/** The source of a pod whose unit is its own. */
export const ownSource = (pod: PodId): LogSource => ({ pod, unit: podUnit(pod) });

/** `+`: beside the namespace the host's journal, where systemd speaks of the unit. */
export const namespaceOption = (namespace: string | undefined): readonly string[] =>
  namespace === undefined ? [] : [`--namespace=+${namespace}`];
