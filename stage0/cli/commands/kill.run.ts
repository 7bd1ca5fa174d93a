import { killApps } from '../../usecases/kill';
import type { Handler } from '../command';
import { createServices } from '../services';
import type { spec } from './kill';
import { forEachPod, podReferences } from './pod-argument';

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  const services = createServices(context);
  return forEachPod(services, podReferences(args.uuids, flags.uuidFile), context.warn, (pod) => {
    killApps(services, pod, { signal: flags.signal, app: flags.app, whom: flags.whom });
  });
};
