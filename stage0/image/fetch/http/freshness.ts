/** How long a response may be taken for current without asking (RFC 9111, for a cache of one user). */
import type { IncomingHttpHeaders } from 'node:http';

/** Whatever a server says, it is asked again after this. */
const LONGEST_MS = 30 * 24 * 3_600_000;

/** Ms since the epoch; `now` if it has to be asked every time. */
export function freshUntil(headers: IncomingHttpHeaders, now: number): number {
  const directives = (headers['cache-control'] ?? '').toLowerCase().split(',');
  const words = directives.map((word) => word.trim());
  if (words.includes('no-cache') || words.includes('no-store')) return now;
  const maxAge = words.flatMap((word) => /^max-age="?(\d{1,10})"?$/.exec(word)?.[1] ?? [])[0];
  const age = /^\d{1,10}$/.test(headers.age ?? '') ? Number(headers.age) : 0;
  if (maxAge === undefined) return now;
  return now + Math.min(LONGEST_MS, Math.max(0, (Number(maxAge) - age) * 1000));
}

export interface Validators {
  readonly etag?: string | undefined;
  readonly lastModified?: string | undefined;
}

export const validatorsOf = (headers: IncomingHttpHeaders): Validators => ({
  etag: headers.etag,
  lastModified: headers['last-modified'],
});

/** Asks for a body only if it is another one. */
export function conditions({ etag, lastModified }: Validators): Record<string, string> {
  if (etag !== undefined) return { 'if-none-match': etag };
  return lastModified === undefined ? {} : { 'if-modified-since': lastModified };
}

/** What the rest of a file may be asked for with: a weak validator does not tell its bytes (RFC 9110 §13.1.5). */
export const strongValidator = ({ etag, lastModified }: Validators): string | undefined =>
  etag === undefined ? lastModified : etag.startsWith('W/') ? undefined : etag;
