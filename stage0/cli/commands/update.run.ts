import { PodctlError } from '#kernel/errors';
import { updateLimits } from '../../usecases/update';
import type { Handler } from '../command';
import { createServices } from '../services';
import { isolator, sharedIsolatorsOf } from './isolator-words';
import { podArgument } from './pod-argument';
import type { spec } from './update';

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  const ofApps = [
    ...isolator('os/linux/cpu-shares', flags.cpuShares, (shares) => shares),
    ...isolator('podctl/oom-group', flags.oomGroup, (group) => group),
  ];
  if (flags.app === undefined && ofApps.length > 0)
    throw new PodctlError('usage', '--cpu-shares and --oom-group are limits of an app', {
      hint: 'choose one with --app',
    });
  const isolators = [...sharedIsolatorsOf(flags), ...ofApps];
  if (isolators.length === 0) throw new PodctlError('usage', 'no limit is given');
  const services = createServices(context);
  try {
    await updateLimits(services, podArgument(services, args.uuid), { app: flags.app, isolators });
    return 0;
  } finally {
    services.disconnect();
  }
};
