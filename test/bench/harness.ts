/** Times commands side by side: one round runs every contender once, so that what else the machine does hits all alike. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export interface Contender {
  readonly name: string;
  readonly argv: readonly string[];
  /** Goes on with what the contender before it did: nothing runs in between. */
  readonly goesOn?: true;
}

export interface Timing {
  readonly name: string;
  /** Wall-clock milliseconds, ascending. */
  readonly samples: readonly number[];
}

export interface RaceOptions {
  readonly warmUp?: number;
  /** Runs before every command but those that go on, and is not timed. */
  readonly settle?: readonly string[];
}

export interface Race {
  readonly timings: readonly Timing[];
  /** Milliseconds of each contender, round by round. */
  readonly rounds: readonly (readonly number[])[];
  /** The largest peak resident size of each contender, KiB; of a shell, that of its largest child. */
  readonly peakKiB: readonly number[];
}

interface RaceResult {
  readonly ms: readonly (readonly number[])[];
  readonly kib: readonly (readonly number[])[];
}

const WARM_UP_ROUNDS = 2;

/** @throws if a command fails: a benchmark of failures measures nothing */
export function runCommand(argv: readonly string[]): { ms: number; stdout: string } {
  const [program = '', ...args] = argv;
  const began = process.hrtime.bigint();
  const result = spawnSync(program, args, {
    encoding: 'utf8',
    env: benchEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ms = Number(process.hrtime.bigint() - began) / 1e6;
  if (result.status !== 0) {
    throw new Error(`${argv.join(' ')}: ${result.error?.message ?? `status ${result.status}`}\n${result.stderr}`);
  }
  return { ms, stdout: result.stdout };
}

/** Without NODE_EXTRA_CA_CERTS, which alone adds 80 ms to every start of Node (facts: hosts). */
function benchEnvironment(): NodeJS.ProcessEnv {
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  return env;
}

export const race = (contenders: readonly Contender[], rounds: number): readonly Timing[] =>
  measure(contenders, rounds).timings;

/** "{round}" in an argument is the number of the round; those before the first that counts are negative. */
export function measure(contenders: readonly Contender[], rounds: number, options: RaceOptions = {}): Race {
  const { warmUp = WARM_UP_ROUNDS, settle = [] } = options;
  const unsettled = contenders.flatMap(({ goesOn }, index) => (goesOn === true ? [index] : []));
  const task = { argvs: contenders.map(({ argv }) => argv), rounds, warm_up: warmUp, settle, unsettled };
  const { status, stdout, stderr } = spawnSync('python3', [path.resolve(__dirname, '../../../test/bench/race.py')], {
    input: JSON.stringify(task),
    encoding: 'utf8',
    env: benchEnvironment(),
  });
  if (status !== 0) throw new Error(stderr);
  const { ms, kib } = JSON.parse(stdout) as RaceResult;
  const timings = contenders.map(({ name }, index) => timing(name, ms[index] ?? []));
  return { timings, rounds: ms, peakKiB: kib.map((all) => Math.max(...all)) };
}

export const timing = (name: string, samples: readonly number[]): Timing => ({
  name,
  samples: [...samples].sort((a, b) => a - b),
});

/** Of several contenders that are one, round by round. @param parts their milliseconds in each round */
export const summed = (name: string, parts: readonly (readonly number[])[]): Timing => {
  const [first = []] = parts;
  return timing(
    name,
    first.map((_, round) => parts.reduce((total, ms) => total + (ms[round] ?? Number.NaN), 0)),
  );
};

/** The value below which `share` of the samples lie. */
export function quantile(timing: Timing, share: number): number {
  const { samples } = timing;
  return samples[Math.min(samples.length - 1, Math.floor(samples.length * share))] ?? Number.NaN;
}

export const median = (timing: Timing): number => quantile(timing, 0.5);

/** Rows of a Markdown table: median, the middle half of the samples, and the ratio of the first contender to each. */
export function timingTable(timings: readonly Timing[]): string {
  const [subject] = timings;
  const rows = timings.map((timing) => {
    const spread = `${quantile(timing, 0.25).toFixed(1)}–${quantile(timing, 0.75).toFixed(1)}`;
    const ratio = subject === undefined ? Number.NaN : median(subject) / median(timing);
    return `| ${timing.name} | ${median(timing).toFixed(1)} | ${spread} | ${ratio.toFixed(2)} |`;
  });
  return ['| contender | median ms | middle half ms | first ÷ this |', '|---|---|---|---|', ...rows].join('\n');
}

export interface Target {
  readonly what: string;
  readonly limit: number;
  readonly measured: number;
}

/** Prints the targets and returns whether all are met. */
export function targetTable(targets: readonly Target[]): { text: string; met: boolean } {
  const rows = targets.map(
    ({ what, limit, measured }) =>
      `| ${what} | ≤ ${limit} | ${measured.toFixed(2)} | ${measured <= limit ? 'met' : 'MISSED'} |`,
  );
  return {
    text: ['| target | limit | measured | |', '|---|---|---|---|', ...rows].join('\n'),
    met: targets.every(({ limit, measured }) => measured <= limit),
  };
}

export const machineLine = (): string =>
  `${new Date().toISOString().slice(0, 10)}, ${os.cpus().length} cores, kernel ${os.release()}, Node ${process.version}, ` +
  `systemd ${runCommand(['systemctl', '--version']).stdout.split(' ')[1]}, load ${os.loadavg()[0]?.toFixed(1)}`;

/** Sum of the proportional set sizes of processes, in KiB (proc(5), smaps_rollup). */
export function proportionalSetKiB(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const pss = /^Pss:\s+(\d+) kB$/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
    return sum + Number(pss?.[1] ?? Number.NaN);
  }, 0);
}
