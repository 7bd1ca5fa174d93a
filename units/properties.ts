/**
 * Properties of systemd units as D-Bus sends them: names, types, and the systemd version that knows them first. Each
 * row was accepted by a running systemd 252 unless `since` says otherwise (facts/systemd.md §1.1). One unknown property
 * makes systemd refuse the whole call, so newer ones are gated.
 */

export type Command = readonly [program: string, argv: readonly string[], ignoreFailure: boolean];

/** What the values of each signature are in TypeScript. */
interface Values {
  s: string;
  b: boolean;
  i: number;
  u: number;
  /** Microseconds or bytes; INFINITY for no limit. */
  t: bigint;
  as: readonly string[];
  /** Bytes of `FIELD=value`. */
  aay: readonly Uint8Array[];
  /** A bit mask, the lowest bits first. */
  ay: Uint8Array;
  'a(ss)': readonly (readonly [string, string])[];
  /** Path on the file system or device that is meant, and its limit. */
  'a(st)': readonly (readonly [string, bigint])[];
  /** Program, argv with argv[0], whether to ignore its failure: see command(). */
  'a(sasb)': readonly Command[];
  /** Exit codes, signals. */
  '(aiai)': readonly [readonly number[], readonly number[]];
}

export type Signature = keyof Values;

interface Row<S extends Signature> {
  readonly signature: S;
  /** The first systemd version with it. */
  readonly since: number;
}

/** The oldest systemd that podctl works with (Debian 12, RHEL 9). */
export const OLDEST_SYSTEMD = 252;

const row = <S extends Signature>(signature: S, since: number = OLDEST_SYSTEMD): Row<S> => ({ signature, since });

export const PROPERTIES = {
  AddRef: row('b'),
  After: row('as'),
  AllowedCPUs: row('ay'),
  AllowedMemoryNodes: row('ay'),
  BindsTo: row('as'),
  CPUQuotaPerSecUSec: row('t'),
  CPUWeight: row('t'),
  CollectMode: row('s'),
  Delegate: row('b'),
  Description: row('s'),
  DeviceAllow: row('a(ss)'),
  DevicePolicy: row('s'),
  Documentation: row('as'),
  Environment: row('as'),
  ExecStart: row('a(sasb)'),
  ExecStopPost: row('a(sasb)'),
  IOReadBandwidthMax: row('a(st)'),
  IOReadIOPSMax: row('a(st)'),
  IOWeight: row('t'),
  IOWriteBandwidthMax: row('a(st)'),
  IOWriteIOPSMax: row('a(st)'),
  KillMode: row('s'),
  LimitNOFILE: row('t'),
  LimitNOFILESoft: row('t'),
  LogExtraFields: row('aay'),
  LogNamespace: row('s'),
  LogRateLimitBurst: row('u'),
  LogRateLimitIntervalUSec: row('t'),
  MemoryHigh: row('t'),
  MemoryLow: row('t'),
  MemoryMax: row('t'),
  MemorySwapMax: row('t'),
  NotifyAccess: row('s'),
  OOMPolicy: row('s'),
  PartOf: row('as'),
  RemainAfterExit: row('b'),
  Requires: row('as'),
  Slice: row('s'),
  StandardError: row('s'),
  StandardInput: row('s'),
  StandardOutput: row('s'),
  SuccessExitStatus: row('(aiai)'),
  SurviveFinalKillSignal: row('b', 255),
  SyslogIdentifier: row('s'),
  TasksMax: row('t'),
  TimeoutStartUSec: row('t'),
  TimeoutStopUSec: row('t'),
  Type: row('s'),
  Wants: row('as'),
} as const;

export type PropertyName = keyof typeof PROPERTIES;
export type PropertyValue<N extends PropertyName> = Values[(typeof PROPERTIES)[N]['signature']];

/** Name, signature, value: one element of the `a(sv)` of StartTransientUnit. */
export type UnitProperty = readonly [name: PropertyName, signature: Signature, value: Values[Signature]];

/** systemd's "no limit" of a `t`. */
export const INFINITY = 2n ** 64n - 1n;

/** Microseconds as systemd wants them. */
export const microseconds = (ms: number): bigint => BigInt(Math.round(ms * 1000));

/**
 * A command line that reaches the program as it is: systemd makes one `$` of `$$`, and takes `$NAME` for a variable.
 * Not as ExecStartEx with `no-env-expand`: systemd 252 writes that into the transient unit's file as a key of its own, which
 * it cannot read back, so that after the next `systemctl daemon-reload` a running pod is a unit with a bad setting.
 */
export const command = (program: string, ...args: readonly string[]): Command => [
  program,
  [program, ...args].map((arg) => arg.replaceAll('$', '$$$$')),
  false,
];

export const property = <N extends PropertyName>(name: N, value: PropertyValue<N>): UnitProperty => [
  name,
  PROPERTIES[name].signature,
  value,
];

/** Without those that this systemd does not know yet. */
export const knownTo = (systemd: number, properties: readonly UnitProperty[]): readonly UnitProperty[] =>
  properties.filter(([name]) => PROPERTIES[name].since <= systemd);
