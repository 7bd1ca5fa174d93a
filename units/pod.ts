/** The unit of a pod, as properties (DESIGN §2). Pure: the same pod gives the same list. */
import type { AbsPath, PodId } from '#kernel/brand';
import { command, microseconds, property, type UnitProperty } from './properties';

export interface PodUnit {
  readonly pod: PodId;
  readonly name: string;
  readonly apps: readonly string[];
  /** The stage1 executable, and the plan it is to perform (stage1/README.md). */
  readonly executor: AbsPath;
  readonly plan: AbsPath;
  /** Milliseconds that apps have between the stop signal and SIGKILL; systemd waits a little longer. */
  readonly stopGraceMs: number;
  /** Milliseconds that the pod may take to be ready; undefined: what the host gives every service. */
  readonly startTimeoutMs?: number | undefined;
  /** More properties, such as limits of the pod as a whole. */
  readonly more?: readonly UnitProperty[];
}

/** For stage1 to kill, reap and write statuses after the grace, before systemd kills the whole unit. */
const STOP_MARGIN_MS = 5000;

/**
 * So many lines in a microsecond: no limit. An interval of 0, which should say so, is the same to systemd (252 to 257) as none
 * given, and journald's default (10,000 lines in 30 s, for all apps of the pod together) applies. journald multiplies the
 * burst by up to 12 in 32 bits.
 */
const LOG_INTERVAL_US = 1n;
const LOG_BURST = 10_000_000;

/** As systemd-nspawn: enough for any honest pod, and a fork bomb leaves the host alive. */
const TASKS_MAX = 16_384n;

/** Properties of isolators replace ours of the same name: of two of a kind, systemd would take the last one anyway. */
const overridden = (own: readonly UnitProperty[], more: readonly UnitProperty[]): readonly UnitProperty[] => [
  ...own.filter(([name]) => !more.some(([other]) => other === name)),
  ...more,
];

/** What `systemctl status` calls a pod's own unit. */
export const podDescription = (name: string, apps: readonly string[]): string => `Pod ${name} (${apps.join(', ')})`;

/** 133 asks for a restart (as with systemd-nspawn), 143 is a death by the SIGTERM we sent (128 + 15). */
const SUCCESS = [133, 143] as const;

/**
 * Nothing here may make systemd set up a mount namespace: each such directive costs milliseconds, and stage1 makes its
 * own. DevicePolicy=closed leaves null, zero, full, random, urandom, tty, ptmx and pts.
 */
export function podProperties(unit: PodUnit): readonly UnitProperty[] {
  const own = [
    property('Description', podDescription(unit.name, unit.apps)),
    property('AddRef', true),
    property('CollectMode', 'inactive-or-failed'),
    property('Type', 'notify'),
    property('NotifyAccess', 'main'),
    property('ExecStart', [command(unit.executor, 'run', unit.plan)]),
    property('SuccessExitStatus', [SUCCESS, []]),
    ...(unit.startTimeoutMs === undefined ? [] : [property('TimeoutStartUSec', microseconds(unit.startTimeoutMs))]),
    property('TimeoutStopUSec', microseconds(unit.stopGraceMs + STOP_MARGIN_MS)),
    property('KillMode', 'mixed'),
    property('OOMPolicy', 'continue'),
    property('Slice', 'machine.slice'),
    property('Delegate', true),
    property('TasksMax', TASKS_MAX),
    property('DevicePolicy', 'closed'),
    property('StandardInput', 'null'),
    property('StandardOutput', 'journal'),
    property('StandardError', 'journal'),
    property('SyslogIdentifier', 'podctl'),
    property('LogExtraFields', [Buffer.from(`POD_UUID=${unit.pod}`), Buffer.from(`POD_NAME=${unit.name}`)]),
    property('LogRateLimitIntervalUSec', LOG_INTERVAL_US),
    property('LogRateLimitBurst', LOG_BURST),
  ];
  return overridden(own, unit.more ?? []);
}
