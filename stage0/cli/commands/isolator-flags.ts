/** Flags that are isolators of one app, or of the whole pod where they stand before the first image. Pure data. */
import { PodctlError } from '#kernel/errors';
import { type Flag, list, parsed, text, toggle } from '../flag';

const quantity = (summary: string) => text(summary, { value: 'QUANTITY' });

/** Of an app, or of the pod. Names as rkt's, else as podman's. */
export const SHARED_ISOLATOR_FLAGS = {
  memory: quantity('most memory, such as 512Mi: beyond it, processes are killed'),
  memoryHigh: quantity('memory beyond which processes are slowed down and theirs is reclaimed'),
  memorySwap: quantity('most memory and swap together, -1 for no limit (default: no swap beyond --memory)'),
  cpu: quantity('most CPU time, in CPUs: 1.5 or 500m'),
  cpusetCpus: text('CPUs that may be used', { value: '0-3,8' }),
  cpusetMems: text('memory nodes that may be used', { value: '0-3,8' }),
  pidsLimit: parsed('most processes and threads, -1 for no limit (default: 2048 per app)', integer, {
    value: 'NUMBER',
  }),
  ioWeight: parsed('share of a busy disk, from 1 to 10000', integer, { value: 'WEIGHT' }),
};

/** Of an app only. */
export const APP_ISOLATOR_FLAGS = {
  ...SHARED_ISOLATOR_FLAGS,
  cpuShares: parsed('share of busy CPUs, from 2 to 262144 (1024 is usual)', integer, { value: 'SHARES' }),
  capsRetain: capabilities('capabilities to have, and no others', 'cap-retain'),
  capsRemove: capabilities('capabilities to have not, of the 14 that apps have', 'cap-remove'),
  seccomp: parsed(
    'system calls to refuse or to allow, and the error they return (default: the process is killed)',
    seccomp,
    {
      value: 'mode=remove|retain[,errno=NAME],CALL,…',
    },
  ),
  device: list('device of the host that the app finds at the same path', { value: 'PATH[:rwm]' }),
  oomScoreAdj: parsed('from -1000 to 1000: who is killed first when memory is short', integer, { value: 'SCORE' }),
  oomGroup: parsed('kill the whole app when memory is short, not one process (default: true)', boolean, {
    bare: 'true',
    value: 'BOOL',
  }),
  ulimit: list('resource limit, as in setrlimit(2) without RLIMIT_, in lower case', { value: 'NAME=SOFT[:HARD]' }),
};

/** Of the pod only. */
export const POD_ISOLATOR_FLAGS = {
  ...SHARED_ISOLATOR_FLAGS,
  sysctl: list("setting of the kernel for the pod's own namespaces", { value: 'NAME=VALUE' }),
  strictIsolators: toggle('refuse the pod if an isolator is unknown, ignored or adjusted'),
};

function integer(written: string): number {
  if (/^-?\d{1,9}$/.test(written)) return Number(written);
  throw new PodctlError('usage', 'not an integer');
}

function boolean(written: string): boolean {
  if (written === 'true' || written === '1') return true;
  if (written === 'false' || written === '0') return false;
  throw new PodctlError('usage', 'neither true nor false');
}

/** What `--seccomp` says (rkt-cli.md §1.3). */
export interface SeccompWords {
  readonly mode: 'remove' | 'retain';
  readonly errno: string | undefined;
  readonly set: readonly string[];
}

function seccomp(written: string): SeccompWords {
  const words = written.split(',').filter((word) => word !== '');
  const valuesOf = (key: string): readonly string[] =>
    words.filter((word) => word.startsWith(`${key}=`)).map((word) => word.slice(key.length + 1));
  const [mode, again] = valuesOf('mode');
  const [errno, errnoAgain] = valuesOf('errno');
  if ((mode !== 'remove' && mode !== 'retain') || again !== undefined || errnoAgain !== undefined) {
    throw new PodctlError('usage', 'says no mode, or something twice', {
      hint: 'write it like mode=retain,errno=EPERM,@rkt/default-whitelist,keyctl',
    });
  }
  return { mode, errno, set: words.filter((word) => !/^(?:mode|errno)=/.test(word)) };
}

/** Every occurrence adds to the set. */
function capabilities(summary: string, alias: string): Flag<readonly string[] | undefined> {
  return {
    summary,
    initial: undefined,
    repeated: true,
    alias,
    value: 'CAP,…',
    read: (written, before) => [...(before ?? []), ...written.split(',').filter((name) => name !== '')],
  };
}
