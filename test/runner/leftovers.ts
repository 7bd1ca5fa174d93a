/**
 * What a run of tests must not leave on the machine: cgroups, mounts, network namespaces, processes.
 *
 * Others may work on the machine meanwhile. A process is known to be ours by its environment or its cgroup, both of which
 * carry the name of the run; a new cgroup is left behind if its name does, or if nobody is in it.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** This variable in a process's environment says which run of tests it belongs to. */
export const RUN_VARIABLE = 'PODCTL_TEST_RUN';

const CGROUPS = '/sys/fs/cgroup';
const NETNS = '/run/netns';

export interface Snapshot {
  readonly cgroups: ReadonlySet<string>;
  readonly mounts: ReadonlySet<string>;
  readonly netns: ReadonlySet<string>;
}

/** A file of /proc or /sys; empty if it vanished or is not ours to read. */
function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // ignored: processes and cgroups end while they are listed, others' are not ours to read
  }
}

function directoriesBelow(directory: string): string[] {
  let names: string[];
  try {
    names = readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(directory, name));
  } catch {
    return []; // ignored: removed while it was listed
  }
  return names.flatMap((path) => [path, ...directoriesBelow(path)]);
}

/** Mount points and what is mounted there; their numbers change. */
const mounts = (): string[] =>
  readOr('/proc/self/mountinfo')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const fields = line.split(' ');
      return `${fields[4]} (${fields.slice(fields.indexOf('-') + 1, -1).join(' ')})`;
    });

export const takeSnapshot = (): Snapshot => ({
  cgroups: new Set(directoriesBelow(CGROUPS)),
  mounts: new Set(mounts()),
  netns: new Set(existsSync(NETNS) ? readdirSync(NETNS) : []),
});

const isEmpty = (cgroup: string): boolean =>
  [cgroup, ...directoriesBelow(cgroup)].every((path) => readOr(join(path, 'cgroup.procs')).trim() === '');

/** Processes of this run, the runner itself left out. */
export function processesOf(run: string): { readonly pid: number; readonly command: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      const environment = readOr(`/proc/${pid}/environ`).split('\0');
      return environment.includes(`${RUN_VARIABLE}=${run}`) || readOr(`/proc/${pid}/cgroup`).includes(run);
    })
    .map((pid) => ({ pid: Number(pid), command: readOr(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim() }));
}

/** Everything the run has left, each as a sentence. */
export function leftovers(run: string, before: Snapshot): string[] {
  const now = takeSnapshot();
  const added = (kind: keyof Snapshot): string[] => [...now[kind]].filter((item) => !before[kind].has(item));
  return [
    ...processesOf(run).map(({ pid, command }) => `process ${pid}: ${command}`),
    ...added('cgroups')
      .filter((path) => path.includes(run) || isEmpty(path))
      .map((path) => `cgroup ${path}`),
    ...added('mounts').map((mount) => `mount ${mount}`),
    ...added('netns').map((name) => `network namespace ${name}`),
  ];
}
