import { preparePod } from '../../usecases/prepare';
import { keepPod } from '../../usecases/prepared';
import type { Handler } from '../command';
import { createServices } from '../services';
import { prepareRequestOf } from './pod-request';
import type { spec } from './prepare';

export const run: Handler<typeof spec> = async (context, words) => {
  const services = createServices(context);
  const prepared = await preparePod(services, prepareRequestOf(context, words));
  keepPod(services, prepared);
  context.out.line(prepared.pod.id);
  return 0;
};
