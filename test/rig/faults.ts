/** Cuts a run of podctl short at one of its system calls, through strace: by SIGKILL, or by an error of the call. */
import fs from 'node:fs';
import { command, type Outcome, output, PODCTL, type Rig } from './rig';

/** System calls that change the file system. Those with a question mark are not known to every strace. */
const CHANGES = [
  ...['mkdir', 'mkdirat', 'rename', 'renameat', 'renameat2', 'unlink', 'unlinkat', 'rmdir', 'symlink', 'symlinkat'],
  ...['link', 'linkat', 'mknod', 'mknodat', 'write', 'pwrite64', 'writev', 'pwritev', 'pwritev2', 'copy_file_range'],
  ...['sendfile', 'fallocate', 'truncate', 'ftruncate', 'fsync', 'fdatasync', 'sync', 'syncfs', 'sync_file_range'],
  ...['chmod', 'fchmod', 'fchmodat', '?fchmodat2', 'chown', 'fchown', 'lchown', 'fchownat', 'utimensat', 'setxattr'],
  ...['lsetxattr', 'fsetxattr', 'removexattr', 'lremovexattr', 'fremovexattr'],
];
/** These change something only if they make or empty a file. */
const OPENS = ['openat', 'openat2'];

/** By hand (`test/crash`): every single change. Otherwise, of those that look alike, the first and the last. */
export const EVERY = process.env['PODCTL_CRASH'] === 'every';

export type Fault = 'KILL' | 'ENOSPC' | 'EIO';

/** The n-th time that a system call is made. */
export interface Moment {
  readonly call: string;
  readonly n: number;
  /** It changes files of the rig, not descriptors of the runtime's. */
  readonly ours: boolean;
}

/** What distinguishes a place in the program from another: the call, and what its arguments look like without what varies. */
const siteOf = (call: string, args: string): string =>
  `${call} ${args
    .replace(/ = .*$/, '')
    .replace(/"(?:[^"\\]|\\.)*"(?:\.\.\.)?/g, (text) => (text.includes('/') || text.length < 40 ? text : '"…"'))
    .replace(/[0-9a-f-]{8,}|\d+/g, '#')}`;

/** Changes of one whole run, each counted as strace counts when it injects: by thread. */
export function momentsOf(rig: Rig, args: readonly string[]): readonly Moment[] {
  const log = `${rig.root}/strace`;
  const trace = `trace=${[...CHANGES, ...OPENS].join()}`;
  output('strace', '-f', '-qq', '-y', '-o', log, '-e', trace, PODCTL, ...rig.globals, ...args);
  const counts = new Map<string, number>();
  const sites = new Map<string, Moment[]>();
  for (const [, pid, call = '', rest = ''] of fs.readFileSync(log, 'utf8').matchAll(/^(\d+) +([a-z0-9_]+)\((.*)$/gm)) {
    const n = (counts.get(`${pid} ${call}`) ?? 0) + 1;
    counts.set(`${pid} ${call}`, n);
    if (OPENS.includes(call) && !/O_CREAT|O_TRUNC/.test(rest)) continue;
    const site = siteOf(call, rest);
    const moment = { call, n, ours: call !== 'write' || rest.includes(rig.root) };
    sites.set(site, [...(sites.get(site) ?? []), moment]);
  }
  const chosen = [...sites.values()].flatMap((all) => (EVERY ? all : [...new Set([all[0], all.at(-1)])]));
  return chosen.filter((moment) => moment !== undefined);
}

export function runWith(rig: Rig, fault: Fault, { call, n }: Moment, args: readonly string[]): Outcome {
  const what = fault === 'KILL' ? 'signal=KILL' : `error=${fault}`;
  const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:${what}:when=${n}`];
  return command(['strace', '-f', '-qq', '-o', '/dev/null', ...inject, PODCTL, ...rig.globals, ...args]);
}
