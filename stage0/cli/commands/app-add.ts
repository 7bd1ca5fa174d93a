import { command, commandSpec } from '../command';
import { list } from '../flag';
import { POD_ARGUMENT } from './app-flags';
import { APP_FLAGS, FETCH_FLAGS } from './pod-flags';

export const spec = commandSpec({
  name: 'app add',
  summary: 'add an app to a running pod',
  description:
    'Fetches, verifies and unpacks the image and adds it to the pod as an app, which `podctl app start` starts. Prints its name.',
  args: POD_ARGUMENT,
  flags: {
    ...FETCH_FLAGS,
    mntVolume: list('new volume of the pod, and where this app has it', {
      value: 'name=NAME,kind=KIND,…,target=PATH',
    }),
  },
  images: { flags: APP_FLAGS, arguments: true },
  privilege: 'root',
  examples: [{ line: 'podctl app add shop debug.aci --name=debug', does: 'Add an app to the pod called shop' }],
});

export const appAdd = command(spec, () => import('./app-add.run.js'));
