/** What the planner is given: a pod whose images are rendered and whose names are resolved, and facts of the host. */
import type { AbsPath, AppName, PodId } from '#kernel/brand';
import type { Effect } from '../../stage2/isolators/types';
import type { ExitPolicy, Life } from '../../stage2/life';
import type { SaidStdio, Stdio } from '../../stage2/stdio';

export interface PodSpec {
  readonly id: PodId;
  /** The pod's directory on the host, where it will be when the plan is performed. */
  readonly directory: AbsPath;
  /** The unit the pod runs as: what its journal lines are filed under. */
  readonly unit: string;
  readonly hostname: string;
  readonly network: Network;
  /** Whether the pod has IPC objects (System V, POSIX queues, /dev/shm) of its own or the host's. */
  readonly ipc: 'private' | 'parent';
  /** The host's IDs that are the pod's users and groups; undefined: it has the host's users. */
  readonly users: UserRange | undefined;
  /** What apps write to: a layer over the image, or a copy of it that stage0 made (`copiedRoot`). */
  readonly roots: 'overlay' | 'copy';
  /** Milliseconds between asking the apps to stop and killing them. */
  readonly stopGraceMs: number;
  readonly files: HandedFiles;
  /** What systemd gives the unit for the pod; undefined: nothing. */
  readonly service?: ServiceSpec | undefined;
  /** How to register with machined; undefined leaves the pod unregistered. */
  readonly machine: MachineSpec | undefined;
  /** Directory of the host with the pod's own journal; undefined: it has none. */
  readonly journal: AbsPath | undefined;
  /** Text of the pod-level /etc/os-release. */
  readonly osRelease: string;
  readonly names: NameFiles;
  /** Those that some app mounts. */
  readonly volumes: readonly VolumeSpec[];
  /** In the order of the manifest. */
  readonly apps: readonly AppSpec[];
  /** Undefined: the first failure, or the last app. */
  readonly exitPolicy: ExitPolicy | undefined;
  /** `free` where the host cannot restrict them, and that is tolerated. */
  readonly devices: 'restricted' | 'free';
  /** The unit is one of the user's, which says nothing of devices: each app has rules of its own. */
  readonly inPlace?: true;
  /** Bytes per second, of each interface of the pod; undefined: no limit. */
  readonly bandwidth: bigint | undefined;
  /** What the pod's isolators come down to. */
  readonly effects: readonly Effect[];
}

export interface ServiceSpec {
  /** Names of the unit's credentials. */
  readonly credentials: readonly string[];
  /** Microseconds within which systemd wants to hear from an app that answers for itself. */
  readonly watchdogUs: number | undefined;
}

/** One of the unit's sockets, by its number in `HandedFiles`, and the name by which the app knows it. */
export interface SocketSpec {
  readonly fd: number;
  readonly name: string;
}

export interface MachineSpec {
  readonly busPath: AbsPath;
  readonly messagesHex: string;
  /** Directory of the host where machined puts what `machinectl bind` mounts. */
  readonly incoming: AbsPath;
}

/** One of the pod's own with nothing in it, the host's, or one that exists, by its file. */
export type Network = 'none' | 'host' | { readonly namespace: AbsPath };

/** IDs of the host from `first` on: what a pod sees as `count` IDs from 0 on, of users and of groups. */
export interface UserRange {
  readonly first: number;
  readonly count: number;
}

/** What the host calls an ID of the pod. */
export const hostId = (users: UserRange | undefined, id: number): number => (users?.first ?? 0) + id;

/** What a volume of the host is: single files and devices can be volumes, too (appc V9). */
export type SourceKind =
  | { readonly kind: 'directory' | 'file' }
  | { readonly kind: 'device'; readonly type: 'block' | 'char'; readonly major: number; readonly minor: number };

/** A volume of the pod: opened once, and bound into every app that mounts it. */
export interface VolumeSpec {
  /** Its name in the pod-level root: the volume's own, or `APP.NAME` of one that an app has to itself. */
  readonly key: string;
  readonly from: HostSource | DiskSource | MemorySource;
  /** Whatever a mount point says; undefined leaves it to that (appc V12). */
  readonly readOnly: boolean | undefined;
}
export interface HostSource {
  readonly kind: 'host';
  readonly path: AbsPath;
  readonly what: SourceKind;
  readonly recursive: boolean;
  readonly propagation: 'private' | 'rslave' | 'rshared';
  /** Symbolic links may lead to it. */
  readonly follow: boolean;
}
/** A directory of the pod's own. Mode of at most 07777. */
export interface DiskSource {
  readonly kind: 'disk';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}
export interface MemorySource {
  readonly kind: 'memory';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes; undefined: what the kernel allows, half of the memory. */
  readonly size: number | undefined;
}

export interface MountSpec {
  /** Key of a volume. */
  readonly volume: string;
  /** In the app's root, clean, and without symbolic links of its image. */
  readonly target: AbsPath;
  readonly readOnly: boolean;
  /** An empty volume on the pod's disk begins with what the image has there (Docker's rule). */
  readonly beginsWithImage?: boolean;
}

/** What an app's root is beside its image. */
export interface RootSpec {
  readonly mounts: readonly MountSpec[];
  readonly readOnly: boolean;
  /** Directories that stay writable when the root is read-only; without symbolic links, parents before children. */
  readonly writable: readonly AbsPath[];
  /** What /etc is in the image, without symbolic links. */
  readonly etc: AbsPath;
  /** The image has an /etc/hosts. */
  readonly hasHosts: boolean;
}

/** Text of files that all apps of the pod share. */
export interface NameFiles {
  /** Undefined leaves the images' own. */
  readonly resolvConf: string | undefined;
  readonly hosts: string;
  /** Also where an image has its own (appc O15). */
  readonly replaceHosts: boolean;
}

/** Open files that reach the executor: of another process, or inherited over exec. Numbers are file descriptors. */
export interface HandedFiles {
  /** Process to take them from; undefined if they are inherited. */
  readonly from: number | undefined;
  readonly lock: number;
  /** A connection to whoever goes on as the executor's `foreground`; undefined: nobody speaks to the apps. */
  readonly caller?: number | undefined;
  /** Where app output is copied to beside the journal. */
  readonly stdout: number | undefined;
  readonly stderr: number | undefined;
  /** Those of the unit that some app gets. */
  readonly sockets?: readonly number[];
}

/** A program that runs as root in the app's root, before it or after it. */
export interface Handler {
  readonly event: 'pre-start' | 'post-stop';
  /** argv[0] included. */
  readonly argv: readonly string[];
  readonly candidates: readonly string[];
}

export interface AppSpec {
  readonly name: AppName;
  /** Read-only trees of the image, uppermost first. */
  readonly trees: readonly AbsPath[];
  readonly identity: { readonly uid: number; readonly gid: number; readonly groups: readonly number[] };
  /** 16 hex digits: the bounding set. */
  readonly capabilityMask: string;
  readonly noNewPrivileges: boolean;
  /** Although there is a filter: as Docker's image authors expect, with programs like sudo, or ping with file capabilities. */
  readonly mayGainPrivileges?: true;
  readonly environment: readonly { readonly name: string; readonly value: string }[];
  readonly workingDirectory: AbsPath;
  /** The same without symbolic links of the image, if it has none there and it is to be made (Docker's rule). */
  readonly madeDirectory?: AbsPath;
  /** argv[0] included. */
  readonly argv: readonly string[];
  readonly candidates: readonly string[];
  /** appc B11: at most one of each. */
  readonly handlers: readonly Handler[];
  readonly life: Life;
  /** Undefined: no input, and output to the journal. */
  readonly stdio?: Stdio;
  /** What was said of it before the pod was started. */
  readonly saidStdio?: SaidStdio;
  /** False leaves out the masked and read-only paths (`--insecure-options=paths`). */
  readonly protectPaths: boolean;
  /** What the app's isolators come down to, beside its capabilities and privileges, which stand above. */
  readonly effects: readonly Effect[];
  readonly root: RootSpec;
  /** In the order in which the app gets them. */
  readonly sockets?: readonly SocketSpec[];
}
