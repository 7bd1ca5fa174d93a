/** The processes of a running pod: `podctl top`. */
import fs from 'node:fs';
import { isErrno } from '#kernel/errors';
import { appCgroup } from '../pod/cgroups';
import type { PodEntry } from '../pod/pods';
import { type HeldProcess, lookAtProcesses } from '../pod/processes';
import { readRecord } from '../pod/record';
import { TreeView } from '../pod/tree-view';
import { liveCgroup } from './live';
import type { Services } from './services';

export interface ProcessView {
  /** Undefined for the pod's init. */
  readonly app: string | undefined;
  /** In the pod, and on the host. */
  readonly pid: number;
  readonly hostPid: number;
  /** In the pod: its name by the app's own passwd file, or else its number. */
  readonly user: string;
  /** CPU time so far, and the time since its start, in milliseconds. */
  readonly cpuMs: number;
  readonly ageMs: number;
  /** Resident, in bytes. */
  readonly memory: number;
  /** One letter of proc_pid_stat(5). */
  readonly state: string;
  readonly command: string;
}

/** Of the kernel's interface, whatever it counts with itself. */
const TICKS_PER_SECOND = 100;
const MAX_COMMAND = 4096;
const MS = 1000;

/** @throws PodctlError `pod-wrong-state` */
export function processesOf(services: Services, entry: PodEntry): readonly ProcessView[] {
  const cgroup = liveCgroup(services, entry);
  const record = readRecord(entry.path);
  const firstUser = record?.users?.first ?? 0;
  const uptimeMs = Number(fs.readFileSync('/proc/uptime', 'latin1').split(' ')[0]) * MS;
  const of = (app: string | undefined, path: typeof cgroup): readonly ProcessView[] => {
    let names: ReadonlyMap<number, string> | undefined;
    return lookAtProcesses(path, (process) => {
      names ??= app === undefined ? new Map([[-firstUser, 'root']]) : namesOf(services, process);
      return viewProcess(process, app, names, firstUser, uptimeMs);
    });
  };
  const init = of(undefined, `${cgroup}/supervisor` as typeof cgroup);
  return [...init, ...(record?.apps ?? []).flatMap(({ name }) => of(name, appCgroup(cgroup, name)))];
}

/** Undefined if it has ended meanwhile. */
function viewProcess(
  process: HeldProcess,
  app: string | undefined,
  names: ReadonlyMap<number, string>,
  firstUser: number,
  uptimeMs: number,
): ProcessView | undefined {
  const stat = process.text('stat');
  const status = process.text('status');
  const pid = process.innerPid;
  if (stat === undefined || status === undefined || pid === undefined) return undefined;
  // The name of the program, in parentheses, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = (index: number): number => (Number(fields[index]) * MS) / TICKS_PER_SECOND;
  const uid = Number(/^Uid:\t\d+\t(\d+)/m.exec(status)?.[1] ?? 0) - firstUser;
  const line = (process.text('cmdline') ?? '').slice(0, MAX_COMMAND).replace(/\0+$/, '').replaceAll('\0', ' ');
  return {
    app,
    pid,
    hostPid: process.pid,
    user: names.get(uid) ?? String(uid),
    cpuMs: ticks(11) + ticks(12),
    ageMs: Math.max(0, uptimeMs - ticks(19)),
    memory: Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024,
    state: fields[0] ?? '?',
    command: Buffer.from(line === '' ? `[${/^Name:\t(.*)$/m.exec(status)?.[1]}]` : line, 'latin1').toString('utf8'),
  };
}

/** From the passwd file that the app sees; it is the app's to write, so nothing is believed of it but for show. */
function namesOf({ native }: Services, process: HeldProcess): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (const line of passwdOf(new TreeView(process.path('root'), native)).split('\n')) {
    const [name = '', , uid = ''] = line.split(':');
    if (/^[\w.-]{1,32}$/.test(name) && /^\d{1,10}$/.test(uid) && !names.has(Number(uid))) names.set(Number(uid), name);
  }
  return names;
}

function passwdOf(view: TreeView): string {
  try {
    return view.text('/etc/passwd');
  } catch (error) {
    // ignored: a process that has ended has no root, and one that hides its users is shown by number
    if (error instanceof Error && (isErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EIO') || error.name === 'PodctlError'))
      return '';
    throw error;
  }
}
