import { PodctlError } from '#kernel/errors';
import { addApp } from '../../usecases/add-app';
import type { Handler } from '../command';
import { createServices } from '../services';
import type { spec } from './app-add';
import { fetchOptionsOf } from './fetch-words';
import { podArgument } from './pod-argument';
import { appRequestOf, relaxationsOf } from './pod-request';
import { readMountedVolume, wordsOf } from './volume-words';

export const run: Handler<typeof spec> = async (context, { args, flags, apps }) => {
  const [app, ...more] = apps;
  if (app === undefined) throw new PodctlError('usage', 'must provide an image');
  if (more.length > 0) throw new PodctlError('usage', 'apps are added one by one: there is more than one image');
  const mounted = wordsOf('--mnt-volume', flags.mntVolume, readMountedVolume);
  const wanted = appRequestOf(app);
  const services = createServices(context);
  const name = await addApp(services, podArgument(services, args.uuid), {
    app: { ...wanted, mounts: [...wanted.mounts, ...mounted.map(({ mount }) => mount)] },
    volumes: mounted.map(({ volume }) => volume),
    fetch: { ...fetchOptionsOf(context, flags, 'new'), render: true },
    relaxed: relaxationsOf(context.globals),
    strictIsolators: false,
  });
  context.out.line(name);
  return 0;
};
