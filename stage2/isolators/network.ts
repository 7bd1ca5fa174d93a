/** resource/network-bandwidth: how much the pod's interfaces send and receive. Localhost is never limited (appc N3). */
import { PodctlError } from '#kernel/errors';
import { defaultLimit } from './resource';
import type { Effect, IsolatorRow } from './types';
import { MAX_BYTES, wholeQuantity, within } from './values';

/** Less than this and a single packet takes seconds. */
const LEAST = 1000n;

const rate = (value: unknown, what: string): bigint => within(wholeQuantity(value, what), what, LEAST, MAX_BYTES);

/** `{default: true, limit}`, in bytes per second. */
export const networkBandwidth: IsolatorRow = {
  scopes: ['app', 'pod'],
  plan(value, { scope }): readonly Effect[] {
    const limit: Effect = { kind: 'bandwidth', bytes: defaultLimit(value, rate) };
    if (scope === 'pod') return [limit];
    return [limit, { kind: 'adjusted', detail: 'the apps of a pod share its interfaces, so it limits them together' }];
  },
};

const HOST =
  "isolator resource/network-bandwidth ignored: the pod uses the host's network, whose interfaces are not its own";

/**
 * The least of all limits; undefined if there is none.
 * @param tolerate told instead of an error (`--insecure-options=isolators`)
 * @throws PodctlError `isolator-unenforceable` for a pod in the host's network: the interfaces are not its own
 */
export function bandwidthOf(
  effects: readonly Effect[],
  hostNetwork: boolean,
  tolerate: ((message: string) => void) | undefined,
): bigint | undefined {
  const limits = effects.flatMap((effect) => (effect.kind === 'bandwidth' ? [effect.bytes] : []));
  if (limits.length === 0) return undefined;
  if (!hostNetwork) return limits.reduce((least, one) => (one < least ? one : least));
  if (tolerate === undefined) {
    throw new PodctlError('isolator-unenforceable', HOST.replace(' ignored', ''), {
      hint: 'give the pod a network of its own with --net',
    });
  }
  tolerate(HOST);
  return undefined;
}
