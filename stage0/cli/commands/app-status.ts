import { command, commandSpec } from '../command';
import { choice } from '../flag';
import { FORMATS } from '../present';
import { APP_FAILURE, APP_FLAG, POD_ARGUMENT } from './app-flags';

export const spec = commandSpec({
  name: 'app status',
  summary: 'show the state of an app',
  args: POD_ARGUMENT,
  flags: { app: APP_FLAG, format: choice('print JSON instead of lines', FORMATS, { default: '' }) },
  privilege: 'any',
  failureStatus: APP_FAILURE,
  exitCodes: [{ status: '1', when: 'it failed' }],
});

export const appStatus = command(spec, () => import('./app-status.run.js'));
