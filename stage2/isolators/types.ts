/** What isolators are made of (appc §3.7): how one comes in, what becomes of it, and what a host must be known for. */
import type { UnitProperty } from '../../units/properties';
import type { Capability } from '../capabilities';
import type { SeccompPolicy } from '../seccomp/policy';

/** As in a manifest; what `value` must be, the name says. */
export interface Isolator {
  readonly name: string;
  readonly value: unknown;
}

export type Scope = 'app' | 'pod';

/** Controllers of cgroup v2 that isolators need. */
export type Controller = 'cpu' | 'cpuset' | 'io' | 'memory' | 'pids';

/** What is known of the host. Only `controllers` is always there; the rest is read if an isolator needs it. */
export interface HostFacts {
  /** `cgroup.controllers` of the root of cgroup v2. */
  readonly controllers: readonly string[];
  /** `MAJ:MIN` of the disk that holds what apps write; undefined if no disk does. */
  readonly device?: string | undefined;
  /** A path on that disk, for systemd to find it by. */
  readonly path?: string | undefined;
  /** Lists of what is online, such as `0-3,8`. */
  readonly cpus?: string | undefined;
  readonly nodes?: string | undefined;
  /** The file of a cgroup that weighs disk access; undefined if the kernel has none. */
  readonly ioWeight?: 'io.weight' | 'io.bfq.weight' | undefined;
  /** Whether swap is accounted: a cgroup has `memory.swap.max`. */
  readonly swap?: boolean | undefined;
  /** Security modules in force: SELinux, and of AppArmor the loaded profiles. */
  readonly security?: { readonly selinux: boolean; readonly profiles: readonly string[] | undefined } | undefined;
  /** The device that a path of the host is a node of; undefined if it is none. */
  readonly nodeAt?: ((path: string) => DeviceNode | undefined) | undefined;
  /** Whether the kernel lets podctl restrict devices (BPF for cgroups). */
  readonly restrictsDevices?: boolean | undefined;
}

export interface DeviceNode {
  readonly type: 'b' | 'c';
  readonly major: number;
  readonly minor: number;
}

/** Facts that are read on demand. */
export type FactName = 'disk' | 'cpus' | 'nodes' | 'ioWeight' | 'swap' | 'security' | 'deviceNodes' | 'deviceRules';

/** What of a pod bounds the same of its apps (appc I4). */
export type Bound = 'cpu' | 'memory' | 'memory-high' | 'pids' | 'bandwidth' | 'iops';

/** What an isolator comes down to. The planner of stage1 and the unit of the pod take these, one kind each. */
export type Effect =
  /** A file of the app's cgroup. */
  | { readonly kind: 'cgroup'; readonly controller: Controller; readonly file: string; readonly value: string }
  /** A property of the pod's unit. */
  | { readonly kind: 'unit'; readonly controller: Controller; readonly property: UnitProperty }
  /** The most that an app of this pod may have, in the unit of the isolator. */
  | { readonly kind: 'bound'; readonly of: Bound; readonly value: bigint }
  | { readonly kind: 'capabilities'; readonly set: readonly Capability[] }
  | { readonly kind: 'no-new-privileges'; readonly on: boolean }
  | { readonly kind: 'rlimit'; readonly resource: string; readonly soft: string; readonly hard: string }
  | { readonly kind: 'oom-score-adj'; readonly value: number }
  | { readonly kind: 'seccomp'; readonly policy: SeccompPolicy }
  /** The policy's program, compiled: what the kernel takes, in hexadecimal digits. */
  | { readonly kind: 'filter'; readonly program: string }
  /** Of `scope` pod, it is that of all apps that have none of their own. */
  | {
      readonly kind: 'label';
      readonly module: 'selinux' | 'apparmor';
      readonly value: string;
      readonly scope: Scope;
    }
  /**
   * All rules of the app, as the executor takes them (none: nothing restricts it), and nodes of the host that it finds in its
   * /dev.
   */
  | { readonly kind: 'devices'; readonly rules: readonly string[]; readonly nodes: readonly string[] }
  /** One entry of DeviceAllow= of the pod's unit, without which the rules would hold nothing. */
  | { readonly kind: 'device-allow'; readonly allow: readonly [device: string, access: string] }
  /** Bytes per second, of each interface of the pod. */
  | { readonly kind: 'bandwidth'; readonly bytes: bigint }
  /** `key` with slashes. */
  | { readonly kind: 'sysctl'; readonly key: string; readonly value: string }
  /** The isolator is in force, but not as it was written. */
  | { readonly kind: 'adjusted'; readonly detail: string };

/** Where an isolator stands, and what it may look at. */
export interface Place {
  readonly scope: Scope;
  readonly facts: HostFacts;
  /** Values of the isolators of the same app or pod, by name. */
  readonly beside: ReadonlyMap<string, unknown>;
  /** For an app: what its pod bounds. */
  readonly bounds: ReadonlyMap<Bound, bigint>;
}

/** One row of the table of isolators. */
export interface IsolatorRow {
  readonly scopes: readonly Scope[];
  readonly facts?: readonly FactName[];
  /** @throws IsolatorProblem */
  plan(value: unknown, place: Place): readonly Effect[];
}

/** What became of an isolator (appc I2). */
export interface IsolatorReport {
  /** Undefined for an isolator of the pod. */
  readonly app: string | undefined;
  readonly isolator: string;
  readonly outcome: 'enforced' | 'adjusted' | 'ignored';
  /** Why it was not taken as it is; undefined if it was. */
  readonly detail: string | undefined;
}

/** `invalid`: the value; `unenforceable`: the host cannot; `refused`: it would reach beyond the pod. */
export class IsolatorProblem extends Error {
  override readonly name = 'IsolatorProblem';
  readonly reason: 'invalid' | 'unenforceable' | 'refused';
  readonly hint: string | undefined;
  /** What of the isolator is done all the same if it is tolerated that the host cannot enforce it. */
  readonly otherwise: readonly Effect[];

  constructor(reason: IsolatorProblem['reason'], message: string, hint?: string, otherwise: readonly Effect[] = []) {
    super(message);
    this.reason = reason;
    this.hint = hint;
    this.otherwise = otherwise;
  }
}
