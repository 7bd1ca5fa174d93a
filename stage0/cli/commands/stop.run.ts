import { PodctlError } from '#kernel/errors';
import { stopPod } from '../../usecases/stop';
import type { Handler } from '../command';
import { createServices } from '../services';
import { forEachPod, podReferences } from './pod-argument';
import type { spec } from './stop';

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  if (flags.force && flags.time !== undefined) throw new PodctlError('usage', '--force and --time exclude each other');
  const services = createServices(context);
  return forEachPod(services, podReferences(args.uuids, flags.uuidFile), context.warn, async (pod) => {
    const stopped = await stopPod(services, pod, { force: flags.force, graceMs: flags.time });
    return () => (stopped ? context.out.line(`"${pod.id}"`) : context.warn(`pod "${pod.id}" is already stopped`));
  });
};
