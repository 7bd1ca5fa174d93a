/** Cuts a run of podctl short at one of its system calls, through strace: by SIGKILL, or by an error of the call. */
import fs from 'node:fs';
import { command, type Outcome, output, PODCTL, type Rig } from './rig';

/** System calls of podctl that change the file system, or open what may be made by that. */
const CHANGES = [
  ...['mkdir', 'mkdirat', 'rename', 'renameat', 'renameat2', 'unlink', 'unlinkat', 'rmdir', 'symlink', 'symlinkat'],
  ...[
    'link',
    'linkat',
    'write',
    'pwrite64',
    'writev',
    'fsync',
    'fdatasync',
    'syncfs',
    'sync_file_range',
    'chmod',
    'fchmod',
  ],
  ...['fchmodat', 'fchownat', 'fchown', 'lchown', 'ftruncate', 'mknodat', 'utimensat', 'lsetxattr', 'fsetxattr'],
];

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

/** Every change of one whole run; of those that look alike the first and the last. */
export function momentsOf(rig: Rig, args: readonly string[]): readonly Moment[] {
  const log = `${rig.root}/strace`;
  output('strace', '-f', '-qq', '-y', '-o', log, '-e', `trace=${CHANGES.join()}`, PODCTL, ...rig.globals, ...args);
  const counts = new Map<string, number>();
  const sites = new Map<string, Moment[]>();
  for (const [, call = '', rest = ''] of fs.readFileSync(log, 'utf8').matchAll(/^\d+ +([a-z0-9_]+)\((.*)$/gm)) {
    const n = (counts.get(call) ?? 0) + 1;
    counts.set(call, n);
    const site = siteOf(call, rest);
    sites.set(site, [...(sites.get(site) ?? []), { call, n, ours: call !== 'write' || rest.includes(rig.root) }]);
  }
  return [...sites.values()].flatMap((all) => (all.length <= 2 ? all : [...all.slice(0, 1), ...all.slice(-1)]));
}

export function runWith(rig: Rig, fault: Fault, { call, n }: Moment, args: readonly string[]): Outcome {
  const what = fault === 'KILL' ? 'signal=KILL' : `error=${fault}`;
  const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:${what}:when=${n}`];
  return command(['strace', '-f', '-qq', '-o', '/dev/null', ...inject, PODCTL, ...rig.globals, ...args]);
}
