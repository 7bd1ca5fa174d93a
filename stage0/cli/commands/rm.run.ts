import { removePod } from '../../usecases/garbage';
import type { Handler } from '../command';
import { createServices } from '../services';
import { forEachPod, podReferences } from './pod-argument';
import type { spec } from './rm';

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  const services = createServices(context);
  return forEachPod(services, podReferences(args.uuids, flags.uuidFile), context.warn, (pod) => {
    removePod(services, pod);
    context.out.line(`"${pod.id}"`);
  });
};
