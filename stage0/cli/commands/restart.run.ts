import { findApp } from '../../pod/lookup';
import { restartLive } from '../../usecases/control';
import { restartPod } from '../../usecases/restart';
import type { Handler } from '../command';
import { createServices } from '../services';
import { forEachPod, podReferences } from './pod-argument';
import type { spec } from './restart';

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  const services = createServices(context);
  return forEachPod(services, podReferences(args.uuids, flags.uuidFile), context.warn, async (pod) => {
    if (flags.app === undefined) await restartPod(services, pod, flags.time);
    else restartLive(services, pod, findApp(pod, flags.app).name, flags.time);
    return () => context.out.line(`"${pod.id}"`);
  });
};
