import { chosenApp } from '../../pod/lookup';
import { listLive, startLive } from '../../usecases/control';
import type { Handler } from '../command';
import { createServices } from '../services';
import type { spec } from './app-start';
import { podArgument } from './pod-argument';

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  const services = createServices(context);
  const pod = podArgument(services, args.uuid);
  startLive(services, pod, chosenApp(listLive(services, pod), flags.app).name);
  return 0;
};
