import { chosenApp } from '../../pod/lookup';
import { listLive } from '../../usecases/control';
import { removeApp } from '../../usecases/members';
import type { Handler } from '../command';
import { createServices } from '../services';
import type { spec } from './app-rm';
import { podArgument } from './pod-argument';

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  const services = createServices(context);
  const pod = podArgument(services, args.uuid);
  await removeApp(services, pod, chosenApp(listLive(services, pod), flags.app).name);
  return 0;
};
