/** The journal's entry of a pod that was made: what its name and its apps were can be read there when it is long gone. */
import { type EventEntry, enterEvent } from '../systemd/journal-events';
import type { PreparedPod } from './prepare';
import type { Services } from './services';

export function enterPrepared({ native }: Services, prepared: PreparedPod): void {
  enterEvent(native, preparedEntry(prepared));
}

export function preparedEntry({ pod, name, apps }: PreparedPod): EventEntry {
  const names = apps.map((app) => app.name).join(' ');
  const message = `pod ${pod.id} (${name}) was prepared`;
  return { event: 'prepared', pod: pod.id, name, message, fields: { APPS: names } };
}
