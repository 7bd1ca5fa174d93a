import { PodctlError } from '#kernel/errors';
import { findPod } from '../../pod/lookup';
import { viewPod } from '../../pod/view';
import { inspectPod } from '../../usecases/inspect';
import { readStats } from '../../usecases/stats';
import type { Handler } from '../command';
import { jsonText } from '../present';
import { createServices } from '../services';
import type { spec } from './inspect';
import { podJson } from './pod-json';
import { readingJson } from './stats.run';

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  const services = createServices(context);
  const all: unknown[] = [];
  try {
    for (const reference of args.uuids) {
      const entry = findPod(services.pods, services.dataDir, reference);
      const pod = viewPod(services.pods, entry);
      if (pod === undefined) throw new PodctlError('pod-not-found', `pod ${entry.id} is being removed`);
      const more = await inspectPod(services, entry);
      all.push({ ...podJson(pod), ...more, paused: pod.isPaused, stats: readStats(services, entry).map(readingJson) });
    }
  } finally {
    services.disconnect();
  }
  context.out.write(jsonText(all, flags.format));
  return 0;
};
