/** The journal's entry of what was done to a pod that runs. */
import type { PodEntry } from '../pod/pods';
import { recordIfReadable } from '../pod/record';
import { enterEvent, type PodEvent } from '../systemd/journal-events';
import type { Services } from './services';

const DONE = { paused: 'was paused', resumed: 'goes on', updated: 'got other limits' } as const satisfies Partial<
  Record<PodEvent, string>
>;

/** @param app undefined: to the whole pod */
export function enterOperation(
  { native }: Services,
  event: keyof typeof DONE,
  { id, path }: PodEntry,
  app: string | undefined,
): void {
  const name = recordIfReadable(path)?.name;
  const message = `${app === undefined ? '' : `app ${app} of `}pod ${id} ${DONE[event]}`;
  const fields = app === undefined ? {} : { APP: app };
  enterEvent(native, { event, pod: id, message, fields, ...(name === undefined ? {} : { name }) });
}
