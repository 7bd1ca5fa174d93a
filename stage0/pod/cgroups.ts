/** Where the kernel keeps the books of a running pod: its unit's cgroup, and below it one per app (stage1/README.md). */
import fs from 'node:fs';
import type { AbsPath, AppName } from '#kernel/brand';
import { isErrno } from '#kernel/errors';
import type { PodEntry } from './pods';
import { readPid } from './record';

/** Where cgroup v2 is mounted: alone, or beside the v1 hierarchies. */
const HIERARCHIES = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'] as const;
/** The init's own, below the unit's. */
const SUPERVISOR = '/supervisor';

/** What a file of the kernel's says; undefined if it is not there, or what it is about has gone. */
export function kernelText(path: string): string | undefined {
  try {
    return fs.readFileSync(path, 'latin1');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV', 'ESRCH', 'ENOTDIR', 'EOPNOTSUPP')) return undefined;
    throw error;
  }
}

let hierarchy: string | undefined;

function root(): string {
  hierarchy ??= HIERARCHIES.find((path) => fs.existsSync(`${path}/cgroup.controllers`)) ?? HIERARCHIES[0];
  return hierarchy;
}

/** The cgroup of v2 that a process is in; undefined if there is no such process. @param process a directory of /proc */
export function cgroupOf(process: string): AbsPath | undefined {
  const line = /^0::(\/.*)$/m.exec(kernelText(`${process}/cgroup`) ?? '');
  return line?.[1] === undefined ? undefined : (`${root()}${line[1]}` as AbsPath);
}

/**
 * The cgroup of the pod's unit, asked of its init rather than made of names. The answer is about this pod if the pod is found
 * to run afterwards: while its init lives, nobody else has its number.
 */
export function podCgroup({ path }: Pick<PodEntry, 'path'>): AbsPath | undefined {
  const init = readPid(path);
  const own = init === undefined ? undefined : cgroupOf(`/proc/${init}`);
  return own?.endsWith(SUPERVISOR) === true ? (own.slice(0, -SUPERVISOR.length) as AbsPath) : undefined;
}

export const appCgroup = (pod: AbsPath, app: AppName): AbsPath => `${pod}/apps/app-${app}` as AbsPath;

/** All its processes are stopped by the freezer, whether by its own setting or by that of a cgroup around it. */
export const isFrozen = (cgroup: AbsPath): boolean => /^frozen 1$/m.test(kernelText(`${cgroup}/cgroup.events`) ?? '');
