/** The file systems every pod and every app has, beside the app's own root (appc O1–O12, DESIGN.md §5). */

import type { PodId } from '#kernel/brand';
import { extraNodes } from './confinement';
import { readinessMount } from './life';
import { type MountFlag, type Op, op } from './op';
import { appCredentials } from './service';
import { type AppSpec, hostId, type MachineSpec, type NameFiles, type PodSpec, type UserRange } from './spec';
import { appVolumes } from './volumes';

const mount = (type: string, target: string, options: readonly string[], ...flags: readonly MountFlag[]): Op =>
  op('mount', type, target, ...options, '-', ...flags);

/** Device nodes of the pod-level root, which apps see through bind mounts: mknod(2) is refused in user namespaces. */
const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty'] as const;

/** Holds device nodes and the links beside them, no data. */
const DEV_SIZE = '65536';
/** journald's socket for syslog(3): systemd-journald-dev-log.socket(8). */
const LOG_SOCKET = '/run/systemd/journal/dev-log';
/** Where machined, systemctl and their like look for a container's bus. */
/** Where machined 252 has what it mounts come into the pod. */
export const INCOMING = '/run/host/incoming';
const BUS_DIRECTORY = '/run/dbus';
export const SYSTEM_BUS = `${BUS_DIRECTORY}/system_bus_socket`;
const POD_ROOT_BYTES = String(8 * 1024 * 1024);

/**
 * Not shown to apps: they describe or steer the host. rkt's list (rkt-cli.md §1.7) and that of today's OCI runtimes. Of
 * /sys/fs, which rkt hid whole, /sys/fs/cgroup is needed and the rest is empty in a sysfs of the pod's own but for what disks tell.
 */
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
  '/sys/dev/block',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
  '/sys/fs/btrfs',
  '/sys/fs/ext4',
  '/sys/fs/selinux',
  '/sys/fs/xfs',
  '/sys/hypervisor',
  '/sys/module',
  '/sys/power',
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
export function podRootMounts(pod: PodSpec): readonly Op[] {
  const { names, users } = pod;
  return [
    op('pod-root', `${pod.directory}/root`, POD_ROOT_BYTES),
    mount('proc', '/proc', [], 'nosuid', 'nodev', 'noexec'),
    op('mkdir', '/dev', '0755'),
    ...DEVICES.map((name) => op('bind', `/dev/${name}`, `/dev/${name}`)),
    terminals(users),
    op('symlink', '/dev/ptmx', 'pts/ptmx'),
    pod.ipc === 'private'
      ? mount('tmpfs', '/dev/shm', ['mode=1777'], 'nosuid', 'nodev')
      : op('bind', '/dev/shm', '/dev/shm', 'nosuid', 'nodev'),
    op('file', '/etc/os-release', '0644', pod.osRelease),
    op('file', '/run/host/container-manager', '0644', 'podctl\n'),
    op('file', '/etc/hostname', '0644', `${pod.hostname}\n`),
    op('file', '/etc/hosts', '0644', names.hosts),
    ...(names.resolvConf === undefined ? [] : [op('file', '/etc/resolv.conf', '0644', names.resolvConf)]),
    op('bind', LOG_SOCKET, LOG_SOCKET, 'optional'),
    op('mkdir', '/tmp', '1777'),
    ...(pod.machine === undefined ? [] : machineMounts(pod.machine)),
    ...(pod.journal === undefined ? [] : [journalMount(pod.id, pod.journal)]),
  ];
}

/** Where `journalctl -M` looks; the directory's name has to be a machine's ID. */
const journalMount = (id: PodId, directory: string): Op =>
  op('bind', directory, `/var/log/journal/${id.replaceAll('-', '')}`, 'ro', 'nosuid', 'nodev', 'noexec');

/** What machined and its tools need in the pod-level root. */
const machineMounts = ({ incoming }: MachineSpec): readonly Op[] => [
  // A file system of its own: apps have files of the pod-level root's before their eyes, and nothing may lead from them to the bus.
  mount('tmpfs', BUS_DIRECTORY, ['mode=0700', 'size=4096'], 'nosuid', 'nodev', 'noexec'),
  // systemd 252 looks there.
  op('symlink', '/var/run', '../run'),
  op('bind', incoming, INCOMING, 'ro', 'rslave', 'optional'),
];

/** The files of the pod that an app sees in its /etc, unless a volume is there. */
function nameFiles({ root }: AppSpec, names: NameFiles): readonly Op[] {
  const wanted = [
    'hostname',
    ...(names.replaceHosts || !root.hasHosts ? ['hosts'] : []),
    ...(names.resolvConf === undefined ? [] : ['resolv.conf']),
  ];
  return wanted.flatMap((name) => {
    const target = `${root.etc}/${name}`;
    const covered = root.mounts.some((mount) => target === mount.target || target.startsWith(`${mount.target}/`));
    return covered ? [] : [op('bind', `/etc/${name}`, target, 'replace', 'nosuid', 'nodev', 'noexec')];
  });
}

/** Directories of the image that stay writable: bound on themselves before the root becomes read-only. */
const writableDirectories = ({ name, root }: AppSpec): readonly Op[] =>
  root.writable.flatMap((path) => [
    op('mkdir', path, path.endsWith('/tmp') ? '1777' : '0755'),
    op('bind', `${appRoot(name)}${path}`, path, 'recursive', 'nosuid', 'nodev', 'nofollow'),
  ]);

/**
 * Whether no volume may be there: what the kernel or podctl shows in /proc and /sys is what the protection of the host rests on,
 * and /dev would be without its devices.
 */
export function isReserved(target: string): boolean {
  const own = [...DEVICES, 'console', 'ptmx', 'pts', 'fd', 'stdin', 'stdout', 'stderr'].map((name) => `/dev/${name}`);
  if (target === '/' || target === '/dev') return true;
  return ['/proc', '/sys', ...own].some((path) => target === path || target.startsWith(`${path}/`));
}

/** Where an image must have a directory or nothing: file systems of the kernel are mounted there, through no link. */
export const KERNEL_DIRECTORIES = ['/dev', '/proc', '/sys'] as const;

/** One app's view: its image under fresh kernel file systems and a private /dev; /dev/shm is the pod's. */
export function appMounts(pod: PodSpec, app: AppSpec): readonly Op[] {
  const { users, names } = pod;
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
    // syslog(3): the host's journal, which knows the pod's unit and app by the process that writes.
    op('bind', LOG_SOCKET, '/dev/log', 'optional'),
    op('symlink', '/etc/mtab', '../proc/self/mounts'),
    ...readinessMount(app),
    ...appCredentials(pod, app),
    ...nameFiles(app, names),
    ...(app.root.readOnly ? writableDirectories(app) : []),
    ...appVolumes(app),
    ...(app.madeDirectory === undefined ? [] : [op('mkdir', app.madeDirectory, '0755')]),
    ...(app.root.readOnly ? [op('root-readonly')] : []),
    op('pivot'),
  ];
}

/** Where an app's root is in the pod-level root. */
export const appRoot = (name: string): string => `/apps/${name}`;
