/** The journal's entry of a pod that was made: what its name and its apps were can be read there when it is long gone. */
import { enterEvent } from '../systemd/journal-events';
import type { PreparedPod } from './prepare';
import type { Services } from './services';

export function enterPrepared({ native }: Services, { pod, name, apps }: PreparedPod): void {
  const names = apps.map((app) => app.name).join(' ');
  const message = `pod ${pod.id} (${name}) was prepared`;
  enterEvent(native, { event: 'prepared', pod: pod.id, name, message, fields: { APPS: names } });
}
