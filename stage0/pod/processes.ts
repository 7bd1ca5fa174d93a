/** Processes of a running pod, as the host sees them. */
import fs from 'node:fs';
import type { AbsPath, AppName } from '#kernel/brand';
import { isErrno } from '#kernel/errors';
import { cgroupOf, kernelText } from './cgroups';
import type { PodEntry } from './pods';
import { readAppStatus } from './record';

/**
 * A process by its directory in /proc, open: whoever gets its number once it has ended, what is read and done through this is
 * about the one that was opened, or fails.
 */
export class HeldProcess {
  readonly pid: number;
  readonly fd: number;

  private constructor(pid: number, fd: number) {
    this.pid = pid;
    this.fd = fd;
  }

  /** Undefined if there is none. */
  static of(pid: number): HeldProcess | undefined {
    try {
      return new HeldProcess(pid, fs.openSync(`/proc/${pid}`, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY));
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ESRCH')) return undefined;
      throw error;
    }
  }

  /** Path of a file of its directory. */
  path(name: string): string {
    return `/proc/self/fd/${this.fd}/${name}`;
  }

  /** Undefined if it has ended. */
  text(name: string): string | undefined {
    return kernelText(this.path(name));
  }

  /** In the innermost of its PID namespaces; undefined if it has ended. */
  get innerPid(): number | undefined {
    const last = /^NSpid:(?:\t\d+)*\t(\d+)$/m.exec(this.text('status') ?? '')?.[1];
    return last === undefined ? undefined : Number(last);
  }

  isIn(cgroup: AbsPath): boolean {
    const own = cgroupOf(`/proc/self/fd/${this.fd}`);
    return own === cgroup || own?.startsWith(`${cgroup}/`) === true;
  }

  close(): void {
    fs.closeSync(this.fd);
  }
}

/** Numbers of the processes in a cgroup and below it; none if it has gone. A zombie may be among them. */
export function pidsIn(cgroup: AbsPath): readonly number[] {
  const own = (kernelText(`${cgroup}/cgroup.procs`) ?? '').split('\n').filter((line) => line !== '');
  return [...own.map(Number), ...childrenOf(cgroup).flatMap((child) => pidsIn(`${cgroup}/${child}` as AbsPath))];
}

function childrenOf(cgroup: AbsPath): readonly string[] {
  try {
    return fs
      .readdirSync(cgroup, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV')) return [];
    throw error;
  }
}

/** The processes of a cgroup that live, held one after the other for as long as `look` takes. */
export function lookAtProcesses<T>(cgroup: AbsPath, look: (process: HeldProcess) => T | undefined): readonly T[] {
  return pidsIn(cgroup).flatMap((pid) => {
    const held = HeldProcess.of(pid);
    if (held === undefined) return [];
    try {
      return held.isIn(cgroup) ? (look(held) ?? []) : [];
    } finally {
      held.close();
    }
  });
}

/**
 * The process that the app's program was executed in: the one in the app's cgroup with the number, in the pod, that the init has
 * noted. Close it. Undefined if the app does not run.
 */
export function mainProcess({ path }: PodEntry, cgroup: AbsPath, app: AppName): HeldProcess | undefined {
  const noted = readAppStatus(path, app)?.pid;
  if (noted === undefined) return undefined;
  for (const pid of pidsIn(cgroup)) {
    const held = HeldProcess.of(pid);
    if (held === undefined) continue;
    if (held.isIn(cgroup) && held.innerPid === noted) return held;
    held.close();
  }
  return undefined;
}
