/** What a unit of Type=notify hears while a pod for it is prepared: its start lasts, and why (sd_notify(3)). */
import { formatBytes } from '#kernel/quantity';
import type { FetchEvent, Observe } from '../../image/fetch/events';
import type { Services } from '../../usecases/services';
import { redact } from '../redact';

/** How long systemd is to wait from each word on, and how often it hears one. Unpacking an image can keep Node busy for long. */
const PATIENCE_MS = 120_000;
const BEAT_MS = 10_000;
/** Each word makes systemd tell everybody of the change. */
const PAUSE_MS = 1000;

export function tellUnit({ notify, now }: Pick<Services, 'notify' | 'now'>): { observe: Observe; end(): void } {
  let last = Number.NEGATIVE_INFINITY;
  const say = (status?: string): void => {
    last = now();
    notify(`EXTEND_TIMEOUT_USEC=${PATIENCE_MS * 1000}${status === undefined ? '' : `\nSTATUS=${redact(status)}`}`);
  };
  const beat = setInterval(say, BEAT_MS);
  return {
    observe: (event) => {
      const status = statusOf(event);
      const isDue = event.event !== 'progress' || now() - last >= PAUSE_MS;
      if (status !== undefined && isDue) say(status);
    },
    end: () => clearInterval(beat),
  };
}

function statusOf(event: FetchEvent): string | undefined {
  switch (event.event) {
    case 'discovering':
      return `looking for ${event.image}`;
    case 'downloading':
      return `fetching ${event.url}`;
    case 'progress':
      return `fetching ${event.url}: ${formatBytes(event.done)}${event.total === undefined ? '' : ` of ${formatBytes(event.total)}`}`;
    case 'waiting':
      return `waiting for another podctl to fetch ${event.url}`;
    case 'retrying':
      return `fetching ${event.url} again: ${event.reason}`;
    case 'stored':
      return `unpacking ${event.name}`;
    default:
      return undefined;
  }
}
