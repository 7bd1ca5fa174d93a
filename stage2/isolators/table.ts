/** Every isolator that podctl knows (appc §3.7, and its own). One not listed here is ignored, and reported so (I1, I2). */
import { blockBandwidth, blockIops, ioWeight } from './block';
import { REMOVE, RETAIN, remove, retain } from './capabilities';
import { cpu, cpuShares, cpuset } from './cpu';
import { devices } from './devices';
import { apparmorProfile, selinuxContext } from './labels';
import { memory, memoryHigh, memorySwap, oomGroup } from './memory';
import { networkBandwidth } from './network';
import { NO_NEW_PRIVILEGES, noNewPrivileges, oomScoreAdj, pids, rlimits } from './process';
import { SECCOMP_REMOVE, SECCOMP_RETAIN, seccompRemove, seccompRetain } from './seccomp';
import { sysctl } from './sysctl';
import type { Isolator, IsolatorRow } from './types';

export const ISOLATORS: Readonly<Record<string, IsolatorRow>> = {
  'resource/cpu': cpu,
  'resource/memory': memory,
  'resource/block-bandwidth': blockBandwidth,
  'resource/block-iops': blockIops,
  'os/linux/cpu-shares': cpuShares,
  'os/linux/oom-score-adj': oomScoreAdj,
  [NO_NEW_PRIVILEGES]: noNewPrivileges,
  [RETAIN]: retain,
  [REMOVE]: remove,
  'resource/network-bandwidth': networkBandwidth,
  [SECCOMP_REMOVE]: seccompRemove,
  [SECCOMP_RETAIN]: seccompRetain,
  'os/linux/selinux-context': selinuxContext,
  'os/linux/apparmor-profile': apparmorProfile,
  'podctl/devices': devices,
  'os/unix/sysctl': sysctl,
  'podctl/cpuset': cpuset,
  'podctl/io-weight': ioWeight,
  'podctl/memory-high': memoryHigh,
  'podctl/memory-swap': memorySwap,
  'podctl/oom-group': oomGroup,
  'podctl/pids': pids,
  'podctl/rlimits': rlimits,
};

/**
 * What an app has unless it asks for something else, where the host can: a fork bomb stops before the pod's own limit (the
 * number is podman's), and an app that loses one process for want of memory does not limp on.
 */
export const APP_DEFAULTS: readonly Isolator[] = [
  { name: 'podctl/pids', value: { limit: 2048 } },
  { name: 'podctl/oom-group', value: true },
];
