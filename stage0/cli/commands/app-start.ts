import { command, commandSpec } from '../command';

import { APP_FLAG, POD_ARGUMENT } from './app-flags';

export const spec = commandSpec({
  name: 'app start',
  summary: 'start an app of a running pod',
  description: 'Returns when the program of the app was executed. One that runs already is left alone.',
  args: POD_ARGUMENT,
  flags: { app: APP_FLAG },
  privilege: 'root',
});

export const appStart = command(spec, () => import('./app-start.run.js'));
