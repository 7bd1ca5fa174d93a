import { enterOperation } from '../../usecases/operation-entry';
import { resumePod } from '../../usecases/pause';
import type { Handler } from '../command';
import { createServices } from '../services';
import { forEachPod, podReferences } from './pod-argument';
import type { spec } from './resume';

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  const services = createServices(context);
  return forEachPod(services, podReferences(args.uuids, flags.uuidFile), context.warn, async (pod) => {
    const resumed = await resumePod(services, pod, flags.app);
    if (resumed) {
      enterOperation(services, 'resumed', pod, flags.app);
      context.out.line(`"${pod.id}"`);
    } else context.warn(`${flags.app === undefined ? '' : `app "${flags.app}" of `}pod "${pod.id}" is not paused`);
  });
};
