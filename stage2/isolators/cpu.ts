/** resource/cpu, os/linux/cpu-shares and podctl/cpuset. Files: cgroup-v2.rst, "CPU Interface Files", "Cpuset". */
import { property } from '../../units/properties';
import { bounded } from './bounds';
import { requestAndLimit } from './resource';
import { type Effect, IsolatorProblem, type IsolatorRow, type Place } from './types';
import { integer, invalid, members, quantity, text, within } from './values';

/** The kernel's default, in microseconds, and the least share of it that it takes: a hundredth of a CPU. */
const PERIOD_US = 100_000n;
const MIN_MILLI = 10n;
/** Beyond any machine; keeps quotas within the kernel's 64 bits of nanoseconds. */
const MAX_MILLI = 1_000_000_000n;

const SHARES = 'os/linux/cpu-shares';
const MIN_SHARES = 2;
const MAX_SHARES = 262_144;

/** Thousandths of a CPU. */
const cpus = (value: unknown, what: string): bigint => within(quantity(value, what), what, 1n, MAX_MILLI);

const weight = (value: number): Effect => ({
  kind: 'cgroup',
  controller: 'cpu',
  file: 'cpu.weight',
  value: String(value),
});

/** Beyond the limit an app is throttled; the request is its weight beside others, unless cpu-shares gives one. */
export const cpu: IsolatorRow = {
  scopes: ['app', 'pod'],
  plan(value, place) {
    const { request, limit, requested } = requestAndLimit(value, cpus);
    const requestWeight = weightOfShares(sharesOf(request));
    if (place.scope === 'pod') return podCpu(limit, requestWeight);
    const shares = place.beside.has(SHARES);
    const detail = `its request gives way to ${SHARES}`;
    return [
      ...(limit === undefined ? [] : quota(place, limit)),
      ...(shares ? [] : [weight(requestWeight)]),
      ...(shares && requested ? [{ kind: 'adjusted', detail } as const] : []),
    ];
  },
};

function quota(place: Place, limit: bigint): readonly Effect[] {
  const { value, notes } = bounded(place, 'cpu', limit);
  const milli = value < MIN_MILLI ? MIN_MILLI : value;
  const raised: Effect = { kind: 'adjusted', detail: `limit raised to ${MIN_MILLI}m, the least there is` };
  return [
    ...notes,
    ...(milli === value ? [] : [raised]),
    {
      kind: 'cgroup',
      controller: 'cpu',
      file: 'cpu.max',
      value: `${(milli * PERIOD_US) / 1000n} ${PERIOD_US}`,
    },
  ];
}

function podCpu(limit: bigint | undefined, requestWeight: number): readonly Effect[] {
  const unit = (name: 'CPUQuotaPerSecUSec' | 'CPUWeight', value: bigint): Effect => ({
    kind: 'unit',
    controller: 'cpu',
    property: property(name, value),
  });
  return [
    ...(limit === undefined
      ? []
      : [{ kind: 'bound', of: 'cpu', value: limit } as const, unit('CPUQuotaPerSecUSec', limit * 1000n)]),
    unit('CPUWeight', BigInt(requestWeight)),
  ];
}

/** 1024 shares are one CPU, as everywhere since cgroup v1. */
const sharesOf = (milli: bigint): number => Math.min(MAX_SHARES, Math.max(MIN_SHARES, Number((milli * 1024n) / 1000n)));

/**
 * From 2…262144 to 1…10000, by the curve of today's runc, which keeps both ends and takes the default (1024) to the default
 * (100).
 */
export function weightOfShares(shares: number): number {
  if (shares <= MIN_SHARES) return 1;
  if (shares >= MAX_SHARES) return 10_000;
  const log = Math.log2(shares);
  return Math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34));
}

export const cpuShares: IsolatorRow = {
  scopes: ['app'],
  plan: (value) => [weight(weightOfShares(integer(value, 'its value', MIN_SHARES, MAX_SHARES)))],
};

const MAX_ID = 8191;

/** Numbers of a list such as `0-3,8`. */
export function numbersOf(list: string): readonly number[] {
  if (!/^\d{1,4}(?:-\d{1,4})?(?:,\d{1,4}(?:-\d{1,4})?)*$/.test(list)) {
    throw invalid(`"${list.slice(0, 60)}" is not a list such as 0-3,8`);
  }
  const found = list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    if (first > last || last > MAX_ID) throw invalid(`"${range}" is not a range of numbers up to ${MAX_ID}`);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
  return [...new Set(found)].sort((left, right) => left - right);
}

/** A bit mask as systemd takes it: bytes, the lowest first. */
function maskOf(numbers: readonly number[]): Uint8Array {
  const mask = new Uint8Array(Math.floor((numbers.at(-1) ?? 0) / 8) + 1);
  for (const number of numbers) mask[number >> 3] = (mask[number >> 3] ?? 0) | (1 << (number & 7));
  return mask;
}

/** The kernel accepts CPUs that are not there, and then lets the app run on all: that would be no limit. */
function requireOnline(what: string, numbers: readonly number[], online: string | undefined): void {
  const there = online === undefined || online === '' ? undefined : numbersOf(online);
  const missing = numbers.filter((number) => there?.includes(number) === false);
  if (missing.length === 0) return;
  throw new IsolatorProblem('unenforceable', `${what} ${missing.join(', ')} is not online here, only ${online}`);
}

/** `{cpus?, mems?}`, lists such as `0-3,8`: the CPUs and memory nodes that may be used. */
export const cpuset: IsolatorRow = {
  scopes: ['app', 'pod'],
  facts: ['cpus', 'nodes'],
  plan(value, { scope, facts }) {
    const found = members(value, ['cpus', 'mems']);
    const effects = (['cpus', 'mems'] as const).flatMap((name): readonly Effect[] => {
      const written = found.get(name);
      if (written === undefined) return [];
      const list = text(written, `"${name}"`);
      const numbers = numbersOf(list);
      const isCpus = name === 'cpus';
      requireOnline(isCpus ? 'CPU' : 'memory node', numbers, isCpus ? facts.cpus : facts.nodes);
      if (scope === 'app') return [{ kind: 'cgroup', controller: 'cpuset', file: `cpuset.${name}`, value: list }];
      const allowed = property(isCpus ? 'AllowedCPUs' : 'AllowedMemoryNodes', maskOf(numbers));
      return [{ kind: 'unit', controller: 'cpuset', property: allowed }];
    });
    if (effects.length === 0) throw invalid('it has neither "cpus" nor "mems"');
    return effects;
  },
};
