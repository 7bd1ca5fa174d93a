/** From flags to isolators. Their values are judged where those of manifests are (stage2/isolators). */
import { PodctlError } from '#kernel/errors';
import { REMOVE, RETAIN } from '../../../stage2/isolators/capabilities';
import { SECCOMP_REMOVE, SECCOMP_RETAIN } from '../../../stage2/isolators/seccomp';
import type { Isolator } from '../../../stage2/isolators/types';
import type { FlagValues } from '../flag';
import type { APP_ISOLATOR_FLAGS, POD_ISOLATOR_FLAGS, SHARED_ISOLATOR_FLAGS } from './isolator-flags';

export const isolator = <T>(name: string, given: T | undefined, value: (given: T) => unknown): readonly Isolator[] =>
  given === undefined ? [] : [{ name, value: value(given) }];

const limit = (given: string | number): unknown => ({ limit: given });

export const sharedIsolatorsOf = (flags: FlagValues<typeof SHARED_ISOLATOR_FLAGS>): readonly Isolator[] => {
  const sets = {
    ...(flags.cpusetCpus === undefined ? {} : { cpus: flags.cpusetCpus }),
    ...(flags.cpusetMems === undefined ? {} : { mems: flags.cpusetMems }),
  };
  return [
    ...isolator('resource/memory', flags.memory, limit),
    ...isolator('podctl/memory-high', flags.memoryHigh, limit),
    ...isolator('podctl/memory-swap', flags.memorySwap, limit),
    ...isolator('resource/cpu', flags.cpu, limit),
    ...isolator('podctl/pids', flags.pidsLimit, limit),
    ...isolator('podctl/io-weight', flags.ioWeight, (weight) => weight),
    ...(Object.keys(sets).length === 0 ? [] : [{ name: 'podctl/cpuset', value: sets }]),
  ];
};

/** @throws PodctlError `usage` */
export const podIsolatorsOf = (flags: FlagValues<typeof POD_ISOLATOR_FLAGS>): readonly Isolator[] => [
  ...sharedIsolatorsOf(flags),
  ...(flags.sysctl.length === 0 ? [] : [{ name: 'os/unix/sysctl', value: Object.fromEntries(flags.sysctl.map(pair)) }]),
];

function pair(written: string): readonly [string, string] {
  const equals = written.indexOf('=');
  if (equals > 0) return [written.slice(0, equals), written.slice(equals + 1)];
  throw new PodctlError('usage', `--sysctl=${written}: not NAME=VALUE`);
}

/** @throws PodctlError `usage` */
export function appIsolatorsOf(flags: FlagValues<typeof APP_ISOLATOR_FLAGS>): readonly Isolator[] {
  const { capsRetain, capsRemove } = flags;
  if (capsRetain !== undefined && capsRemove !== undefined) {
    throw new PodctlError('usage', '--caps-retain and --caps-remove exclude each other');
  }
  return [
    ...sharedIsolatorsOf(flags),
    ...isolator('os/linux/cpu-shares', flags.cpuShares, (shares) => shares),
    ...isolator(RETAIN, capsRetain, (set) => ({ set })),
    ...isolator(REMOVE, capsRemove, (set) => ({ set })),
    ...isolator(flags.seccomp?.mode === 'retain' ? SECCOMP_RETAIN : SECCOMP_REMOVE, flags.seccomp, ({ errno, set }) =>
      errno === undefined ? { set } : { set, errno },
    ),
    ...isolator('podctl/devices', flags.device.length === 0 ? undefined : flags.device, (paths) => ({ paths })),
    ...isolator('os/linux/oom-score-adj', flags.oomScoreAdj, (score) => score),
    ...isolator('podctl/oom-group', flags.oomGroup, (group) => group),
    ...(flags.ulimit.length === 0
      ? []
      : [{ name: 'podctl/rlimits', value: Object.fromEntries(flags.ulimit.map(rlimit)) }]),
  ];
}

/** `nofile=1024:4096`; -1 is unlimited, as podman has it. */
function rlimit(written: string): readonly [string, unknown] {
  const [, name, soft, hard] = /^([a-z]+)=(-1|unlimited|\d{1,16})(?::(-1|unlimited|\d{1,16}))?$/.exec(written) ?? [];
  if (name === undefined || soft === undefined)
    throw new PodctlError('usage', `--ulimit=${written}: not NAME=SOFT[:HARD]`);
  const value = (limit: string): string => (limit === '-1' ? 'unlimited' : limit);
  return [name, { soft: value(soft), ...(hard === undefined ? {} : { hard: value(hard) }) }];
}
