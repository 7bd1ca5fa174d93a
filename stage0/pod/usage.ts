/** What a cgroup has used and uses now (cgroup-v2.rst). What this host does not account is undefined. */
import type { AbsPath } from '#kernel/brand';
import { kernelText } from './cgroups';

/** Shares of time in which some of the processes waited, of the last 10 s, in percent (psi.rst). */
export interface Pressure {
  readonly cpu: number | undefined;
  readonly memory: number | undefined;
  readonly io: number | undefined;
}

export interface Usage {
  /** CPU time so far, in microseconds. */
  readonly cpu: number | undefined;
  /** Bytes. A limit that is not there is undefined. */
  readonly memory: number | undefined;
  readonly memoryPeak: number | undefined;
  readonly memoryMax: number | undefined;
  /** Processes killed for want of memory, so far. */
  readonly oomKills: number | undefined;
  /** Processes and threads. */
  readonly pids: number | undefined;
  readonly pidsMax: number | undefined;
  /** Bytes read and written so far, of all disks together. */
  readonly read: number | undefined;
  readonly written: number | undefined;
  readonly pressure: Pressure;
}

export function readUsage(cgroup: AbsPath): Usage {
  const text = (file: string): string | undefined => kernelText(`${cgroup}/${file}`);
  const number = (file: string): number | undefined => numberIn(text(file));
  const pressure = (of: string): number | undefined =>
    numberIn(/^some avg10=([\d.]+)/m.exec(text(`${of}.pressure`) ?? '')?.[1]);
  const io = text('io.stat');
  return {
    cpu: numberIn(/^usage_usec (\d+)$/m.exec(text('cpu.stat') ?? '')?.[1]),
    memory: number('memory.current'),
    memoryPeak: number('memory.peak'),
    memoryMax: number('memory.max'),
    oomKills: numberIn(/^oom_kill (\d+)$/m.exec(text('memory.events') ?? '')?.[1]),
    pids: number('pids.current'),
    pidsMax: number('pids.max'),
    read: sumOf(io, /\brbytes=(\d+)/g),
    written: sumOf(io, /\bwbytes=(\d+)/g),
    pressure: { cpu: pressure('cpu'), memory: pressure('memory'), io: pressure('io') },
  };
}

/** Undefined for `max`, too. */
const numberIn = (text: string | undefined): number | undefined =>
  text !== undefined && /^[\d.]+\s*$/.test(text) ? Number(text) : undefined;

const sumOf = (text: string | undefined, pattern: RegExp): number | undefined =>
  text === undefined ? undefined : [...text.matchAll(pattern)].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
