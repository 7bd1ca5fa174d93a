/** Telling of shared libraries that apps did not find: to who waits for the pod, in the journal, and in its status. */
import { PodctlError } from '#kernel/errors';
import { native } from '../../../stage1/native/index';
import type { PodEntry } from '../../pod/pods';
import { recordIfReadable } from '../../pod/record';
import type { PodView } from '../../pod/view';
import { enterEvent } from '../../systemd/journal-events';
import { lackOf } from '../../usecases/missing-library';
import type { Services } from '../../usecases/services';
import type { Context } from '../context';
import { errorText } from '../present';

/** After the pod has ended: its status stays what it is. */
export function tellOfLibraries(context: Context, services: Services, entry: PodEntry): void {
  for (const { name } of recordIfReadable(entry.path)?.apps ?? []) {
    const lack = lackOf(services, entry, name);
    if (lack === undefined) continue;
    const error = new PodctlError('library-missing', `app "${name}" of pod ${entry.id}: ${lack}`);
    context.err.write(errorText(error, { command: 'run', json: false, debug: context.globals.debug }));
    enter(entry, name, error.message);
  }
}

function enter(entry: PodEntry, app: string, message: string): void {
  const fields = { APP: app };
  enterEvent(native(), { event: 'library-missing', pod: entry.id, message, priority: 3, fields });
}

/** The pod with that as the detail of the apps it befell. */
export const withLacks = (services: Services, entry: PodEntry, pod: PodView): PodView => ({
  ...pod,
  apps: pod.apps.map((app) => {
    const detail = app.status?.detail ?? lackOf(services, entry, app.name);
    if (app.status === undefined || detail === undefined) return app;
    return { ...app, isPaused: app.isPaused, status: { ...app.status, detail } };
  }),
});
