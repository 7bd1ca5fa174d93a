import { command, commandSpec } from '../command';
import { choice, toggle } from '../flag';
import { FORMATS } from '../present';
import { APP_FAILURE, POD_ARGUMENT } from './app-flags';

export const spec = commandSpec({
  name: 'app list',
  summary: 'list the apps of a pod',
  args: POD_ARGUMENT,
  flags: {
    noLegend: toggle('leave the heading out'),
    format: choice('print JSON instead of a table', FORMATS, { default: '' }),
  },
  privilege: 'any',
  failureStatus: APP_FAILURE,
  exitCodes: [{ status: '1', when: 'it failed' }],
});

export const appList = command(spec, () => import('./app-list.run.js'));
