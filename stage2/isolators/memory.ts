/** resource/memory and what podctl adds to it. Files: cgroup-v2.rst, "Memory Interface Files". */
import { property } from '../../units/properties';
import { bounded } from './bounds';
import { requestAndLimit, soleLimit } from './resource';
import type { Effect, IsolatorRow, Place } from './types';
import { boolean, invalid, MAX_BYTES, wholeQuantity, within } from './values';

/** The smallest limit there can be: one page (rkt-cli.md §1.3). */
const MIN_BYTES = 4096n;

const bytes = (value: unknown, what: string): bigint => within(wholeQuantity(value, what), what, MIN_BYTES, MAX_BYTES);

const file = (name: string, value: bigint | string): Effect => ({
  kind: 'cgroup',
  controller: 'memory',
  file: `memory.${name}`,
  value: String(value),
});
const unit = (name: 'MemoryMax' | 'MemoryLow' | 'MemoryHigh' | 'MemorySwapMax', value: bigint): Effect => ({
  kind: 'unit',
  controller: 'memory',
  property: property(name, value),
});

/**
 * Beyond the limit an app is killed. Swap does not widen it unless podctl/memory-swap says so. The request is protected from
 * reclaim as far as the slices above are (memory.low), since memory.min would let a pod starve its host.
 */
export const memory: IsolatorRow = {
  scopes: ['app', 'pod'],
  facts: ['swap'],
  plan(value, place) {
    const { request, limit } = requestAndLimit(value, bytes);
    if (place.scope === 'pod') {
      return [
        ...(limit === undefined ? [] : [bound('memory', limit), unit('MemoryMax', limit), ...noSwap(place, 'pod')]),
        unit('MemoryLow', request),
      ];
    }
    if (limit === undefined) return [file('low', request)];
    const { value: most, notes } = bounded(place, 'memory', limit);
    return [...notes, file('max', most), file('low', request < most ? request : most), ...noSwap(place, 'app')];
  },
};

const bound = (of: 'memory' | 'memory-high', value: bigint): Effect => ({ kind: 'bound', of, value });

function noSwap({ facts, beside }: Place, scope: 'app' | 'pod'): readonly Effect[] {
  if (facts.swap !== true || beside.has('podctl/memory-swap')) return [];
  return [scope === 'app' ? file('swap.max', 0n) : unit('MemorySwapMax', 0n)];
}

/** `{limit}`: beyond it an app is slowed down and its memory reclaimed, but it is not killed. */
export const memoryHigh: IsolatorRow = {
  scopes: ['app', 'pod'],
  plan(value, place) {
    const limit = soleLimit(value, bytes);
    if (place.scope === 'pod') return [bound('memory-high', limit), unit('MemoryHigh', limit)];
    const { value: most, notes } = bounded(place, 'memory-high', limit);
    return [...notes, file('high', most)];
  },
};

/** `{limit}`: memory and swap together, as podman's --memory-swap; -1 for as much swap as there is. */
export const memorySwap: IsolatorRow = {
  scopes: ['app', 'pod'],
  plan(value, place) {
    const swap = soleLimit(value, (limit) => (limit === -1 || limit === '-1' ? undefined : swapOf(limit, place)));
    if (place.scope === 'app') return [file('swap.max', swap ?? 'max')];
    return [unit('MemorySwapMax', swap ?? 2n ** 64n - 1n)];
  },
};

function swapOf(total: unknown, place: Place): bigint {
  const beside = place.beside.get('resource/memory');
  const limit = beside === undefined ? undefined : requestAndLimit(beside, bytes).limit;
  if (limit === undefined) throw invalid('it counts memory and swap together, and there is no limit of memory');
  const both = bytes(total, '"limit"');
  if (both < limit) throw invalid(`it counts memory and swap together, and memory alone may have ${limit}`);
  return both - limit;
}

/** `true`: when one process of the app is killed for want of memory, all of them are. */
export const oomGroup: IsolatorRow = {
  scopes: ['app'],
  plan: (value) => [file('oom.group', boolean(value, 'its value') ? 1n : 0n)],
};
