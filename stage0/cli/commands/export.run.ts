import { exportApp } from '../../usecases/export';
import type { Handler } from '../command';
import { createServices } from '../services';
import type { spec } from './export';
import { interrupts } from './interrupts';
import { podArgument } from './pod-argument';

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  const services = createServices(context);
  await exportApp(services, podArgument(services, args.uuid), { ...flags, output: args.output }, interrupts);
  return 0;
};
