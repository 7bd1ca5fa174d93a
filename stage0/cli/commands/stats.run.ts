import { formatBytes } from '#kernel/quantity';
import { findPod } from '../../pod/lookup';
import { requireRunning } from '../../usecases/control';
import type { Services } from '../../usecases/services';
import { cpuShare, type Reading, readStats } from '../../usecases/stats';
import type { Handler } from '../command';
import { jsonText, table } from '../present';
import { createServices } from '../services';
import { interrupts } from './interrupts';
import { podReferences } from './pod-argument';
import type { spec } from './stats';

const SHORTEST_MS = 100;
const CLEAR = '\u001b[H\u001b[J';

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  const services = createServices(context);
  const named = args.uuids.length > 0 || flags.uuidFile !== undefined;
  const references = named ? podReferences(args.uuids, flags.uuidFile) : [];
  for (const reference of references) requireRunning(services, findPod(services.pods, services.dataDir, reference));
  let readings = readAll(services, references);
  if (flags.format !== '') {
    context.out.write(
      jsonText(
        readings.map((reading) => readingJson(reading)),
        flags.format,
      ),
    );
    return 0;
  }
  const isLive = !flags.noStream && context.isTerminal('stdout');
  const show = (before: readonly Reading[]): void => {
    const rows = readings.map((reading) =>
      row(
        reading,
        before.find((one) => isSame(one, reading)),
      ),
    );
    context.out.write(`${isLive ? CLEAR : ''}${table(flags.noLegend ? rows : [LEGEND, ...rows])}`);
  };
  show([]);
  while (isLive && !context.out.closed && (await goesOn(Math.max(flags.interval, SHORTEST_MS)))) {
    const before = readings;
    readings = readAll(services, references);
    if (references.length > 0 && readings.length === 0) break;
    show(before);
  }
  return 0;
};

/** Of the pods named, or of all; those that have ended meanwhile are left out. */
function readAll(services: Services, references: readonly string[]): readonly Reading[] {
  const { pods, dataDir } = services;
  const all = references.length === 0 ? pods.list() : references.map((one) => findPod(pods, dataDir, one));
  return all.filter(({ directory }) => directory === 'run').flatMap((entry) => readStats(services, entry));
}

/** False if a signal came first. */
const goesOn = (ms: number): Promise<boolean> =>
  new Promise((resolve) => {
    const done = (whether: boolean): void => {
      clearTimeout(timer);
      stop();
      resolve(whether);
    };
    const timer = setTimeout(() => done(true), ms);
    const stop = interrupts(() => done(false));
  });

const isSame = (one: Reading, other: Reading): boolean =>
  one.pod === other.pod && one.app === other.app && one.since === other.since;

const LEGEND = ['POD', 'APP', 'CPU%', 'MEMORY', 'LIMIT', 'PIDS', 'READ', 'WRITTEN', 'WAITS CPU/MEM/IO'];

function row(reading: Reading, before: Reading | undefined): readonly string[] {
  const { usage, name, app } = reading;
  const { cpu, memory, io } = usage.pressure;
  const bytes = (value: number | undefined): string => (value === undefined ? '-' : formatBytes(value));
  const percent = (value: number | undefined): string => (value === undefined ? '-' : value.toFixed(1));
  return [
    app === undefined ? name : '',
    app ?? '',
    percent(cpuShare(reading, before)),
    bytes(usage.memory),
    bytes(usage.memoryMax),
    usage.pids === undefined ? '-' : String(usage.pids),
    bytes(usage.read),
    bytes(usage.written),
    [cpu, memory, io].map(percent).join('/'),
  ];
}

export const readingJson = (reading: Reading) => {
  const { usage, app = null, since = null, ...rest } = reading;
  return {
    ...rest,
    app,
    since,
    cpu_usec: usage.cpu ?? null,
    cpu_percent: cpuShare(reading, undefined) ?? null,
    memory_bytes: usage.memory ?? null,
    memory_peak_bytes: usage.memoryPeak ?? null,
    memory_max_bytes: usage.memoryMax ?? null,
    oom_kills: usage.oomKills ?? null,
    pids: usage.pids ?? null,
    pids_max: usage.pidsMax ?? null,
    read_bytes: usage.read ?? null,
    written_bytes: usage.written ?? null,
    pressure: {
      cpu: usage.pressure.cpu ?? null,
      memory: usage.pressure.memory ?? null,
      io: usage.pressure.io ?? null,
    },
  };
};
