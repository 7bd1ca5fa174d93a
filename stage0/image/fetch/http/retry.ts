/** How often, and after which pauses, a failed request is made again. */
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf, PodctlError } from '#kernel/errors';
import { interruption, shownUrl } from './failure';
import { type HttpSettings, RETRY, type RetryPolicy } from './settings';

/** The cause of a `fetch-status` error that may pass. */
export class Unwilling extends Error {
  /** What the server asked for. */
  readonly retryAfterMs: number | undefined;

  constructor(status: number, retryAfterMs: number | undefined) {
    super(`status ${status}`);
    this.retryAfterMs = retryAfterMs;
  }
}

/** Too many requests, and failures of the server's own; not 501 and 505, which say that it never will. */
export const isUnwilling = (status: number): boolean =>
  status === 429 || (status >= 500 && status !== 501 && status !== 505);

/** Retry-After: seconds or a date (RFC 9110 §10.2.3). */
export function retryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** Whether trying again later may help. A name that nobody has does not come into being meanwhile. */
export function isPassing(error: PodctlError): boolean {
  if (error.code === 'fetch-timeout' || error.cause instanceof Unwilling) return true;
  return error.code === 'fetch-unreachable' && errnoOf(error.cause) !== 'ENOTFOUND';
}

/** The patience with one thing to be fetched. */
export class Patience {
  readonly #policy: RetryPolicy;
  readonly #settings: HttpSettings;
  #failures = 0;

  constructor(settings: HttpSettings) {
    this.#policy = settings.retry ?? RETRY;
    this.#settings = settings;
  }

  /** What was failing makes progress: begin anew. */
  renew(): void {
    this.#failures = 0;
  }

  /** Waits until it is time for another attempt. @throws `failure` if there is to be none */
  async after(failure: unknown, url: URL): Promise<void> {
    if (!(failure instanceof PodctlError) || !isPassing(failure)) throw failure;
    this.#failures += 1;
    const asked = failure.cause instanceof Unwilling ? failure.cause.retryAfterMs : undefined;
    if (this.#failures >= this.#policy.attempts || (asked ?? 0) > this.#policy.longestRetryAfterMs) throw failure;
    await this.#pause(failure, url, asked ?? this.#delay());
  }

  /** Half to all of a pause that doubles each time, so that many hosts do not come back in step. */
  #delay(): number {
    const { baseMs, capMs } = this.#policy;
    return Math.min(capMs, baseMs * 2 ** (this.#failures - 1)) * (0.5 + Math.random() / 2);
  }

  async #pause(failure: PodctlError, url: URL, delay: number): Promise<void> {
    const { signal, onRetry } = this.#settings;
    onRetry?.(shownUrl(url), failure.message, delay);
    await pause(delay, url, signal);
  }
}

/** Waits `delay` ms before `url` is asked again. @throws PodctlError `interrupted` */
export async function pause(delay: number, url: URL, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(delay, undefined, signal === undefined ? {} : { signal });
  } catch (cause) {
    throw interruption(url, cause);
  }
}
