import { chosenApp } from '../../pod/lookup';
import { listLive, stopLive } from '../../usecases/control';
import type { Handler } from '../command';
import { createServices } from '../services';
import type { spec } from './app-stop';
import { podArgument } from './pod-argument';

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  const services = createServices(context);
  const pod = podArgument(services, args.uuid);
  const { name } = chosenApp(listLive(services, pod), flags.app);
  stopLive(services, pod, name, flags.force ? 0 : flags.stopTimeout);
  return 0;
};
