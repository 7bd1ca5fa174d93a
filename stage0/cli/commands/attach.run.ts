import { attachApp, endpointsOf } from '../../usecases/attach';
import type { Handler } from '../command';
import { createServices } from '../services';
import type { spec } from './attach';
import { podArgument } from './pod-argument';
import { detachKeysOf } from './stdio-words';

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  const services = createServices(context);
  const entry = podArgument(services, args.uuid);
  const detachKeys = detachKeysOf(flags.detachKeys);
  if (flags.mode !== 'list') return attachApp(services, entry, { app: flags.app, mode: flags.mode, detachKeys });
  const endpoints = endpointsOf(services, entry, flags.app);
  if (flags.format === '') for (const one of endpoints) context.out.line(one);
  else context.out.line(JSON.stringify(endpoints, undefined, flags.format === 'json-pretty' ? '\t' : undefined));
  return 0;
};
