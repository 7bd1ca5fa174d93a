import { renamePod } from '../../usecases/rename';
import type { Handler } from '../command';
import { createServices } from '../services';
import { podArgument } from './pod-argument';
import type { spec } from './rename';

export const run: Handler<typeof spec> = async (context, { args }) => {
  const services = createServices(context);
  try {
    await renamePod(services, podArgument(services, args.uuid), args.name);
    return 0;
  } finally {
    services.disconnect();
  }
};
