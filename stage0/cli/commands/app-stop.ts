import { command, commandSpec } from '../command';
import { duration, toggle } from '../flag';
import { APP_FLAG, POD_ARGUMENT } from './app-flags';

export const spec = commandSpec({
  name: 'app stop',
  summary: 'stop an app of a running pod',
  description: 'Asks the app to stop (SIGTERM), and kills it when its time is up. Returns when it has ended.',
  args: POD_ARGUMENT,
  flags: {
    app: APP_FLAG,
    force: toggle('kill at once'),
    stopTimeout: duration('how long it may take before it is killed (default: as the pod was started with)'),
  },
  privilege: 'root',
});

export const appStop = command(spec, () => import('./app-stop.run.js'));
