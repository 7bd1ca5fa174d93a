import { stopPod } from '../../usecases/stop';
import type { Handler } from '../command';
import { createServices } from '../services';
import { forEachPod, podReferences } from './pod-argument';
import type { spec } from './stop';

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  const services = createServices(context);
  try {
    return await forEachPod(services, podReferences(args.uuids, flags.uuidFile), context.warn, async (pod) => {
      const stopped = await stopPod(services, pod, flags.force);
      if (stopped) context.out.line(`"${pod.id}"`);
      else context.warn(`pod "${pod.id}" is already stopped`);
    });
  } finally {
    services.disconnect();
  }
};
