import { command, commandSpec } from '../command';

import { APP_FLAG, POD_ARGUMENT } from './app-flags';

export const spec = commandSpec({
  name: 'app rm',
  summary: 'remove an app that has ended from a running pod',
  description: 'What the app wrote is removed with it.',
  args: POD_ARGUMENT,
  flags: { app: APP_FLAG },
  privilege: 'root',
});

export const appRm = command(spec, () => import('./app-rm.run.js'));
