/** Limits of the disk that holds what apps write. Files: cgroup-v2.rst, "IO Interface Files". */
import { type PropertyName, property } from '../../units/properties';
import { bounded } from './bounds';
import { defaultLimit } from './resource';
import { type Effect, type HostFacts, IsolatorProblem, type IsolatorRow } from './types';
import { integer, MAX_BYTES, wholeQuantity, within } from './values';

const amount = (value: unknown, what: string): bigint => within(wholeQuantity(value, what), what, 1n, MAX_BYTES);

type ListOfLimits = Extract<PropertyName, `IO${'Read' | 'Write'}${string}Max`>;

/** `{default: true, limit}`: the most per second, of reading and of writing alike. */
const perSecond = (
  of: 'bandwidth' | 'iops',
  keys: readonly [read: string, write: string],
  properties: readonly ListOfLimits[],
): IsolatorRow => ({
  scopes: ['app', 'pod'],
  facts: ['disk'],
  plan(value, place) {
    const limit = defaultLimit(value, amount);
    const { device, path } = diskOf(place.facts);
    if (place.scope === 'pod') {
      const units = properties.map(
        (name): Effect => ({ kind: 'unit', controller: 'io', property: property(name, [[path, limit]]) }),
      );
      return [{ kind: 'bound', of, value: limit }, ...units];
    }
    const { value: most, notes } = bounded(place, of, limit);
    const line = `${device} ${keys.map((key) => `${key}=${most}`).join(' ')}`;
    return [...notes, { kind: 'cgroup', controller: 'io', file: 'io.max', value: line }];
  },
});

function diskOf({ device, path }: HostFacts): { readonly device: string; readonly path: string } {
  if (device !== undefined && path !== undefined) return { device, path };
  throw new IsolatorProblem('unenforceable', 'what the app writes is on no disk of this host');
}

/** Bytes. */
export const blockBandwidth = perSecond('bandwidth', ['rbps', 'wbps'], ['IOReadBandwidthMax', 'IOWriteBandwidthMax']);
/** Requests. */
export const blockIops = perSecond('iops', ['riops', 'wiops'], ['IOReadIOPSMax', 'IOWriteIOPSMax']);

/** BFQ knows 1 to 1000 where the rest of the kernel knows 1 to 10000; 100 is the default of both. */
const bfqWeight = (weight: number): number =>
  weight <= 100 ? weight : 100 + Math.floor(((weight - 100) * 900) / 9900);

/** 1 to 10000: the app's share of a busy disk. */
export const ioWeight: IsolatorRow = {
  scopes: ['app', 'pod'],
  facts: ['ioWeight'],
  plan(value, { scope, facts }) {
    const weight = integer(value, 'its value', 1, 10_000);
    const file = facts.ioWeight;
    if (file === undefined) throw new IsolatorProblem('unenforceable', 'this kernel does not weigh disk access');
    if (scope === 'pod') return [{ kind: 'unit', controller: 'io', property: property('IOWeight', BigInt(weight)) }];
    const written = file === 'io.weight' ? weight : bfqWeight(weight);
    return [{ kind: 'cgroup', controller: 'io', file, value: String(written) }];
  },
};
