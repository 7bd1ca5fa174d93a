/** The shape that resource/cpu and resource/memory share, and that of the limits without a request (appc §3.7). */
import { boolean, invalid, members } from './values';

export interface RequestAndLimit {
  readonly request: bigint;
  readonly limit: bigint | undefined;
  /** Whether the request was written. */
  readonly requested: boolean;
}

/** `{request?, limit?}`; `default` must be absent or false. The request is the limit if there is none (appc I6). */
export function requestAndLimit(value: unknown, read: (value: unknown, what: string) => bigint): RequestAndLimit {
  const found = members(value, ['default', 'request', 'limit']);
  if (found.has('default') && boolean(found.get('default'), '"default"')) throw invalid('"default" must be false');
  const one = (name: string): bigint | undefined => {
    const written = found.get(name);
    return written === undefined || written === null ? undefined : read(written, `"${name}"`);
  };
  const limit = one('limit');
  const requested = one('request');
  const request = requested ?? limit;
  if (request === undefined) throw invalid('it has neither a "request" nor a "limit"');
  if (limit !== undefined && request > limit) throw invalid('its request is greater than its limit');
  return { request, limit, requested: requested !== undefined };
}

/** `{default: true, limit}`, without a request. */
export function defaultLimit<T>(value: unknown, read: (value: unknown, what: string) => T): T {
  const found = members(value, ['default', 'request', 'limit']);
  if (found.get('default') !== true) throw invalid('"default" must be true');
  const request = found.get('request');
  if (request !== undefined && request !== null) throw invalid('it may have no "request"');
  return read(found.get('limit'), '"limit"');
}

/** `{limit}`, the shape of podctl's own limits. */
export function soleLimit<T>(value: unknown, read: (value: unknown, what: string) => T): T {
  return read(members(value, ['limit']).get('limit'), '"limit"');
}
