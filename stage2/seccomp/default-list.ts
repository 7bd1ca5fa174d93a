/**
 * The filter of apps that ask for none, in the spirit of those of today's container runtimes: everything that ordinary programs
 * use, but nothing that administers the host, widens what the kernel can be attacked through, or leaves the namespaces; each of
 * these comes back with the capability that it needs anyway.
 */
import type { Capability } from '../capabilities';
import { type Condition, ENOSYS, type Rule } from './filter';
import { KNOWN } from './known';
import { SYSTEMD_GROUPS } from './systemd-groups';

export const words = (text: string): readonly string[] => text.trim().split(/\s+/);

/** Allowed to whom holds one of the capabilities. */
const PRIVILEGED: readonly (readonly [readonly Capability[], string])[] = [
  [
    ['CAP_SYS_ADMIN'],
    `fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount open_tree open_tree_attr
     pivot_root quotactl quotactl_fd setdomainname sethostname setns umount umount2 unshare`,
  ],
  [['CAP_SYS_ADMIN', 'CAP_BPF'], 'bpf'],
  [['CAP_SYS_ADMIN', 'CAP_PERFMON'], 'perf_event_open'],
  [['CAP_SYS_ADMIN', 'CAP_SYSLOG'], 'syslog'],
  [['CAP_DAC_READ_SEARCH'], 'open_by_handle_at'],
  [['CAP_SYS_BOOT'], 'reboot'],
  [['CAP_SYS_CHROOT'], 'chroot'],
  [['CAP_SYS_MODULE'], 'delete_module finit_module init_module'],
  [['CAP_SYS_NICE'], 'get_mempolicy mbind migrate_pages move_pages set_mempolicy set_mempolicy_home_node'],
  [['CAP_SYS_PACCT'], 'acct'],
  [['CAP_SYS_PTRACE'], 'kcmp pidfd_getfd process_madvise'],
  [['CAP_SYS_RAWIO'], 'ioperm iopl'],
  [['CAP_SYS_TIME'], 'clock_settime clock_settime64 settimeofday'],
  [['CAP_SYS_TTY_CONFIG'], 'vhangup'],
];

/** Allowed to nobody: no namespace holds them back (keyrings, io_uring), they are for the host alone, or they are relics. */
const NEVER = `add_key io_uring_enter io_uring_register io_uring_setup kexec_file_load kexec_load keyctl request_key sgetmask
  ssetmask swapoff swapon syscall sysfs userfaultfd ustat vm86 vm86old`;

/** AF_VSOCK reaches the hypervisor past every network namespace. */
const NO_VSOCK: Condition = { argument: 0, is: 'unequal', value: 40 };

/** Every CLONE_NEW* that clone(2) takes: mount, cgroup, uts, ipc, user, pid, net. */
const NO_NAMESPACES: Condition = { argument: 0, is: 'masked', mask: 0x7e02_0000, value: 0 };

/** personality(2): PER_LINUX and PER_LINUX32, each with UNAME26 or without, and the question what it is. */
const HARMLESS_PERSONALITIES = [0x0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];

const isPrivileged = (held: ReadonlySet<Capability>, capabilities: readonly Capability[]): boolean =>
  capabilities.some((one) => held.has(one));

/** Names that an app with these capabilities may not call: what `@rkt/default-blacklist` stands for. */
export function deniedNames(held: ReadonlySet<Capability>): readonly string[] {
  const privileged = PRIVILEGED.flatMap(([capabilities, names]) =>
    isPrivileged(held, capabilities) ? [] : words(names),
  );
  const obsolete = words(SYSTEMD_GROUPS['obsolete'] ?? '');
  return [...privileged, ...words(NEVER), ...obsolete];
}

/** What `@rkt/default-whitelist` stands for. */
export function allowRules(held: ReadonlySet<Capability>): readonly Rule[] {
  const conditional = ['clone', 'clone3', 'personality', 'socket'];
  const left = new Set([...deniedNames(held), ...conditional]);
  const allow = (syscall: string, when?: Condition): Rule =>
    when === undefined ? { syscall, action: 'allow' } : { syscall, action: 'allow', when };
  return [
    ...words(KNOWN)
      .filter((name) => !left.has(name))
      .map((name) => allow(name)),
    ...cloneRules(held, allow),
    ...HARMLESS_PERSONALITIES.map((value) => allow('personality', { argument: 0, is: 'equal', value })),
    allow('socket', NO_VSOCK),
  ];
}

/** A filter cannot look into clone3's arguments; libraries that are told it does not exist use clone. */
function cloneRules(
  held: ReadonlySet<Capability>,
  allow: (syscall: string, when?: Condition) => Rule,
): readonly Rule[] {
  if (held.has('CAP_SYS_ADMIN')) return [allow('clone'), allow('clone3')];
  return [allow('clone', NO_NAMESPACES), { syscall: 'clone3', action: ENOSYS }];
}
