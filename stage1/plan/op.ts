/**
 * The plan: what stage0 decided, as data, for the native executor to perform (stage1/README.md has the contract).
 *
 * An operation is a name and its arguments, all text. OPS is the one table of their syntax: the encoder, the decoder and
 * the types below derive from it, and a test holds the table compiled into podctl-stage1 (`podctl-stage1 ops`) against it.
 */

/** Version on line 1 of every plan. Raise it whenever the meaning of an existing operation changes. */
export const PLAN_VERSION = 2;

/**
 * Kind of an argument: `text` any bytes but NUL · `path` absolute · `num` unsigned decimal, below 2^63 · `oct` file mode ·
 * `hex` bytes as hex pairs, or a bit mask · a final `texts` takes all the arguments that follow, none included.
 */
export type ArgKind = 'text' | 'path' | 'num' | 'oct' | 'hex' | 'texts';

/** Where an operation may stand: in the head (performed by the launcher), in the pod (by its init), in an app (by its child). */
export type Section = 'head' | 'pod' | 'app';

interface OpSyntax {
  readonly sections: readonly Section[];
  readonly args: readonly ArgKind[];
}

const syntax = <const A extends readonly ArgKind[]>(sections: readonly Section[], ...args: A) => ({ sections, args });

export const OPS = {
  /** uuid, pod directory. First operation of every plan. */
  pod: syntax(['head'], 'text', 'path'),
  /** role (lock|caller|stdin|stdout|stderr|socket, of which there may be several), pid, fd: take over another process's open file (pidfd_getfd(2)). */
  adopt: syntax(['head'], 'text', 'num', 'num'),
  /** role, fd: the same for a file inherited from the process that exec'd the executor. */
  inherit: syntax(['head'], 'text', 'num'),
  /** Names among: ipc net uts. The pid, mount and cgroup namespaces are not optional. */
  namespaces: syntax(['head'], 'texts'),
  /** First host ID and count: IDs from 0 on, of users and groups, in the pod's user namespace. Absent: the host's own. */
  'user-namespace': syntax(['head'], 'num', 'num'),
  /** Path of an existing network namespace to use instead of one of the pod's own. */
  'join-network': syntax(['head'], 'path'),
  /** Milliseconds between the stop signal and SIGKILL. */
  'stop-grace': syntax(['head'], 'num'),
  /**
   * When the pod ends: `any` app has ended, `all` have, `main`: the app that follows has; `stop`: only when it is stopped.
   * Absent: the first failure, or all.
   */
  'exit-policy': syntax(['head'], 'text', 'texts'),

  /** AF_UNIX path of the system bus, and whole D-Bus messages to send behind Hello; the last one's reply is checked. */
  machine: syntax(['pod'], 'path', 'hex'),
  /** Host name in the pod's UTS namespace. */
  hostname: syntax(['pod'], 'text'),
  /** Bring up `lo` in the pod's network namespace. */
  loopback: syntax(['pod']),
  /** Name (with slashes) and value of a sysctl of the pod's own net, ipc or uts namespace. Stands behind its /proc. */
  sysctl: syntax(['pod'], 'text', 'text'),
  /** Bytes per second: the most that each interface of the pod but `lo` sends, and receives. */
  bandwidth: syntax(['pod'], 'num'),
  /** Overlay mount: target, upper, work, then lower directories, uppermost first. Host paths but for the target. */
  overlay: syntax(['pod'], 'path', 'path', 'path', 'texts'),

  /** Pod-level root: a tmpfs mounted on this host directory, with a size limit in bytes. Targets below are inside it. */
  'pod-root': syntax(['pod'], 'path', 'num'),
  /** The app's root: a directory (an overlay mount) of the pod-level root. Targets below are inside it. */
  root: syntax(['app'], 'path'),
  /** Directory (parents are made, 0755) with mode; existing ones are left as they are. */
  mkdir: syntax(['pod', 'app'], 'path', 'oct'),
  /** Regular file with mode and content; truncated if it is there. */
  file: syntax(['pod', 'app'], 'path', 'oct', 'text'),
  /** Symbolic link: its path, what it says. Left alone if something is there. */
  symlink: syntax(['pod', 'app'], 'path', 'text'),
  /** Bind mount: source, target, flags. The target is made (file or directory as the source is), and holds no symbolic link. */
  bind: syntax(['pod', 'app'], 'path', 'path', 'texts'),
  /** New filesystem: type, target, options (`key=value` or `key`), then flags behind a lone `-`. The target as for `bind`. */
  mount: syntax(['pod', 'app'], 'text', 'path', 'texts'),
  /** Hide: /dev/null over a file, an empty read-only tmpfs over a directory; nothing if the path is not there. */
  mask: syntax(['app'], 'path'),
  /** Make a path read-only by a bind mount on itself, with submounts; nothing if the path is not there. */
  readonly: syntax(['app'], 'path'),
  /** Make the app's root read-only, without what is mounted below it. */
  'root-readonly': syntax(['app']),
  /** Path in the pod-level root where the bus façade listens. */
  facade: syntax(['pod'], 'path'),
  /**
   * Directory of the pod-level root, the host's IDs of a user and a group, names: copies of these of the unit's credentials, which
   * are in the executor's $CREDENTIALS_DIRECTORY, for them to read.
   */
  credentials: syntax(['pod'], 'path', 'num', 'num', 'texts'),
  /** Make the root the process's root, and the old root unreachable. */
  pivot: syntax(['pod', 'app']),

  /** Opens an app's section: app name, name of its cgroup below `apps/`. */
  app: syntax(['app'], 'text', 'text'),
  /** Journal stream: identifier, unit. */
  log: syntax(['app'], 'text', 'text'),
  /** File name in the app's cgroup and the value to write. */
  cgroup: syntax(['app'], 'text', 'text'),
  /** Device rules of the app's cgroup, `TYPE MAJOR:MINOR ACCESS` each (`*` for any number): what none allows is refused. */
  devices: syntax(['app'], 'texts'),
  /** Apps that must be ready before this one starts. */
  after: syntax(['app'], 'texts'),
  /** Path of a notify socket in the app's root: the app is ready when it says READY=1, not when it was executed. */
  notify: syntax(['app'], 'path'),
  /** Policy (never|on-unhealthy|on-failure|always), first delay and longest delay in milliseconds, most restarts in a row (0: no limit). */
  restart: syntax(['app'], 'text', 'num', 'num', 'num'),
  /** Number of the signal that asks the app to end; absent: SIGTERM. */
  'stop-signal': syntax(['app'], 'num'),
  /**
   * What the app's files 0 to 2 are: null, stream (a pipe), tty, and of 1 and 2 also log (a pipe, and the journal). A tty is stdout's
   * at least. Absent: null log log.
   */
  stdio: syntax(['app'], 'text', 'text', 'text'),
  /** Rows and columns of the app's terminal to begin with. Exactly with `stdio … tty`, behind it. */
  terminal: syntax(['app'], 'num', 'num'),
  /** Sockets of the head by their numbers, and their names, in pairs: the app has them as 3 and following (sd_listen_fds(3)). */
  listen: syntax(['app'], 'texts'),
  /** Number of the signal that asks the app to read its configuration anew; absent: SIGHUP, if the app catches it. */
  'reload-signal': syntax(['app'], 'num'),
  /** pre-start or post-stop, number of arguments, argv, then candidates for the program as in `exec`. */
  handler: syntax(['app'], 'text', 'num', 'texts'),
  /**
   * Health check: what is done about an unhealthy app (none|restart|kill|stop), then in milliseconds interval, time-out, start
   * period and the interval in it, failures in a row that make it unhealthy, number of arguments, argv, candidates as in `exec`.
   */
  health: syntax(['app'], 'text', 'num', 'num', 'num', 'num', 'num', 'num', 'texts'),
  /** The app is ready while it is healthy, and not before. Stands behind `health`. */
  'ready-when-healthy': syntax(['app']),
  /** Working directory, resolved in the app's root after the pivot; a missing one fails the app (appc B12). */
  cwd: syntax(['app'], 'path'),
  /** Supplementary group IDs. */
  groups: syntax(['app'], 'texts'),
  /** uid, gid */
  user: syntax(['app'], 'num', 'num'),
  /** Capability bit mask: bounding, permitted and effective set (the latter two only for uid 0). */
  caps: syntax(['app'], 'hex'),
  'no-new-privs': syntax(['app']),
  /** A user with a filter may gain privileges by what it executes; without it the executor sees that none does. */
  'may-gain-privs': syntax(['app']),
  /** Resource (as in setrlimit(2), lower case without RLIMIT_), soft and hard limit: decimal or `infinity`. */
  rlimit: syntax(['app'], 'text', 'text', 'text'),
  /** −1000 to 1000. */
  'oom-score-adj': syntax(['app'], 'text'),
  /** Security context of the program (SELinux), profile (AppArmor). */
  selinux: syntax(['app'], 'text'),
  apparmor: syntax(['app'], 'text'),
  /** A BPF program: struct sock_filter after sock_filter, as bytes in the host's order. */
  seccomp: syntax(['app'], 'hex'),
  /** `NAME=value` */
  env: syntax(['app'], 'text'),
  /** argv, argv[0] included. */
  args: syntax(['app'], 'texts'),
  /** Candidates for the program, tried in order as execvp(3) would. Last operation of an app. */
  exec: syntax(['app'], 'texts'),
} as const satisfies Record<string, OpSyntax>;

export type OpName = keyof typeof OPS;

/** One operation: its name, and its arguments in the order of OPS. */
export interface Op {
  readonly name: OpName;
  readonly args: readonly string[];
}

export type Plan = readonly Op[];

/** An operation of a planner; the encoder checks its arguments. */
export const op = (name: OpName, ...args: readonly string[]): Op => ({ name, args });

/**
 * Flags of `bind` and `mount`: attributes first, with `recursive` of all submounts; `rro` is read-only with all submounts. For
 * binds only: `recursive` takes submounts along; `idmap` shows the file system's IDs as those of the pod's own users (with
 * `user-namespace`); `nofollow` refuses a symbolic link on the way to the source; `optional` does nothing if the source is not
 * there; `replace` removes a link, or a file where a directory is to be, in the target's place; `rslave` and `rshared` let
 * mounts made later come from the host, or go both ways (pod only).
 */
export const MOUNT_FLAGS = [
  'ro',
  'rro',
  'nosuid',
  'nodev',
  'noexec',
  'noatime',
  'recursive',
  'idmap',
  'nofollow',
  'optional',
  'replace',
  'rslave',
  'rshared',
] as const;
export type MountFlag = (typeof MOUNT_FLAGS)[number];

/** Limits the decoders enforce, so that a damaged plan cannot make the executor allocate without bound. */
export const MAX_PLAN_BYTES = 4 * 1024 * 1024;
export const MAX_OPS = 16_384;
export const MAX_ARGS = 4096;
