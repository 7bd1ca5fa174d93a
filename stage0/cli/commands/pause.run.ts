import { enterOperation } from '../../usecases/operation-entry';
import { pausePod } from '../../usecases/pause';
import type { Handler } from '../command';
import { createServices } from '../services';
import type { spec } from './pause';
import { forEachPod, podReferences } from './pod-argument';

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  const services = createServices(context);
  return forEachPod(services, podReferences(args.uuids, flags.uuidFile), context.warn, async (pod) => {
    const paused = await pausePod(services, pod, flags.app);
    if (paused) {
      enterOperation(services, 'paused', pod, flags.app);
      context.out.line(`"${pod.id}"`);
    } else context.warn(`${flags.app === undefined ? '' : `app "${flags.app}" of `}pod "${pod.id}" is already paused`);
  });
};
