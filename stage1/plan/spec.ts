/** What the planner is given: a pod whose images are rendered and whose names are resolved, and facts of the host. */
import type { AbsPath, AppName, PodId } from '#kernel/brand';
import type { Effect } from '../../stage2/isolators/types';

export interface PodSpec {
  readonly id: PodId;
  /** The pod's directory on the host, where it will be when the plan is performed. */
  readonly directory: AbsPath;
  /** The unit the pod runs as: what its journal lines are filed under. */
  readonly unit: string;
  readonly hostname: string;
  readonly network: 'none' | 'host';
  /** Milliseconds between asking the apps to stop and killing them. */
  readonly stopGraceMs: number;
  readonly files: HandedFiles;
  /** How to register with machined; undefined leaves the pod unregistered. */
  readonly machine: { readonly busPath: AbsPath; readonly messagesHex: string } | undefined;
  /** Text of the pod-level /etc/os-release. */
  readonly osRelease: string;
  readonly apps: readonly AppSpec[];
  /** What the pod's isolators come down to. */
  readonly effects: readonly Effect[];
}

/** Open files that reach the executor: of another process, or inherited over exec. Numbers are file descriptors. */
export interface HandedFiles {
  /** Process to take them from; undefined if they are inherited. */
  readonly from: number | undefined;
  readonly lock: number;
  /** Where app output is copied to beside the journal. */
  readonly stdout: number | undefined;
  readonly stderr: number | undefined;
}

export interface AppSpec {
  readonly name: AppName;
  /** Read-only trees of the image, uppermost first. */
  readonly trees: readonly AbsPath[];
  readonly identity: { readonly uid: number; readonly gid: number; readonly groups: readonly number[] };
  /** 16 hex digits: the bounding set. */
  readonly capabilityMask: string;
  readonly noNewPrivileges: boolean;
  readonly environment: readonly { readonly name: string; readonly value: string }[];
  readonly workingDirectory: AbsPath;
  /** argv[0] included. */
  readonly argv: readonly string[];
  readonly candidates: readonly string[];
  /** False leaves out the masked and read-only paths (`--insecure-options=paths`). */
  readonly protectPaths: boolean;
  /** What the app's isolators come down to, beside its capabilities and privileges, which stand above. */
  readonly effects: readonly Effect[];
}
