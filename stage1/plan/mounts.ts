/** The file systems every pod and every app has, beside the app's own root (appc O1–O12, DESIGN.md §5). */

import { extraNodes } from './confinement';
import type { MountFlag, Op } from './op';
import { type AppSpec, hostId, type PodSpec, type UserRange } from './spec';

const op = (name: Op['name'], ...args: readonly string[]): Op => ({ name, args });

const mount = (type: string, target: string, options: readonly string[], ...flags: readonly MountFlag[]): Op =>
  op('mount', type, target, ...options, '-', ...flags);

/** Device nodes of the pod-level root, which apps see through bind mounts: mknod(2) is refused in user namespaces. */
const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty'] as const;

/** Holds device nodes and the links beside them, no data. */
const DEV_SIZE = '65536';
const POD_ROOT_BYTES = String(8 * 1024 * 1024);

/** Not shown to apps: they describe or steer the host. rkt's list (rkt-cli.md §1.7) and that of today's OCI runtimes. */
const MASKED = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/config.gz',
  '/proc/interrupts',
  '/proc/kallsyms',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
] as const;

/** Shown, but not writable: a write there would reach the whole host. */
const READ_ONLY = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'] as const;

/** Group `tty` of every distribution; the file system takes the host's number for it. */
const TTY = 5;
const terminals = (users: UserRange | undefined): Op =>
  mount(
    'devpts',
    '/dev/pts',
    ['newinstance', 'ptmxmode=0666', 'mode=0620', `gid=${hostId(users, TTY)}`],
    'nosuid',
    'noexec',
  );

/** Binds files of the host whose owners are numbers of the pod: root's there are root's here. */
export const bindForUsers = (users: UserRange | undefined, source: string, target: string, ...flags: MountFlag[]): Op =>
  op('bind', source, target, ...flags, ...(users === undefined ? [] : (['idmap'] satisfies MountFlag[])));

/**
 * The pod-level root: what machined, nss and `machinectl` look at through the leader, and where the apps' roots are mounted.
 * It is not any app's root, and no app can reach it.
 */
export function podRootMounts({ directory, osRelease, users, ipc }: PodSpec): readonly Op[] {
  return [
    op('pod-root', `${directory}/root`, POD_ROOT_BYTES),
    mount('proc', '/proc', [], 'nosuid', 'nodev', 'noexec'),
    op('mkdir', '/dev', '0755'),
    ...DEVICES.map((name) => op('bind', `/dev/${name}`, `/dev/${name}`)),
    terminals(users),
    op('symlink', '/dev/ptmx', 'pts/ptmx'),
    ipc === 'private'
      ? mount('tmpfs', '/dev/shm', ['mode=1777'], 'nosuid', 'nodev')
      : op('bind', '/dev/shm', '/dev/shm', 'nosuid', 'nodev'),
    op('file', '/etc/os-release', '0644', osRelease),
    op('file', '/run/host/container-manager', '0644', 'podctl\n'),
    op('mkdir', '/tmp', '1777'),
  ];
}

/** One app's view: its image under fresh kernel file systems and a private /dev; /dev/shm is the pod's. */
export function appMounts({ users }: PodSpec, app: AppSpec): readonly Op[] {
  return [
    op('root', appRoot(app.name)),
    mount('proc', '/proc', [], 'nosuid', 'nodev', 'noexec'),
    mount('sysfs', '/sys', [], 'ro', 'nosuid', 'nodev', 'noexec'),
    mount('cgroup2', '/sys/fs/cgroup', [], 'ro', 'nosuid', 'nodev', 'noexec'),
    ...(app.protectPaths
      ? [...READ_ONLY.map((path) => op('readonly', path)), ...MASKED.map((path) => op('mask', path))]
      : []),
    mount('tmpfs', '/dev', ['mode=0755', `size=${DEV_SIZE}`], 'nosuid', 'noexec'),
    ...DEVICES.map((name) => op('bind', `/dev/${name}`, `/dev/${name}`)),
    ...extraNodes(app).map((path) => op('bind', path, path)),
    // Without a terminal of its own, the console of an app is the one that swallows everything.
    op('bind', '/dev/null', '/dev/console'),
    terminals(users),
    op('symlink', '/dev/ptmx', 'pts/ptmx'),
    op('bind', '/dev/shm', '/dev/shm'),
    mount('mqueue', '/dev/mqueue', [], 'nosuid', 'nodev', 'noexec'),
    op('symlink', '/dev/fd', '/proc/self/fd'),
    op('symlink', '/dev/stdin', '/proc/self/fd/0'),
    op('symlink', '/dev/stdout', '/proc/self/fd/1'),
    op('symlink', '/dev/stderr', '/proc/self/fd/2'),
    op('mkdir', '/tmp', '1777'),
    op('symlink', '/etc/mtab', '../proc/self/mounts'),
    op('pivot'),
  ];
}

/** Where an app's root is in the pod-level root. */
export const appRoot = (name: string): string => `/apps/${name}`;
