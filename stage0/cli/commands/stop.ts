import { command, commandSpec, many } from '../command';
import { duration, text, toggle } from '../flag';

export const spec = commandSpec({
  name: 'stop',
  summary: 'stop running pods',
  description:
    'Asks the apps to stop, by the signal that each one wants (SIGTERM, if it says nothing), and kills what is left when their ' +
    'time is up. A pod or an app that is paused goes on first. Several pods are stopped at once. Returns when they have ended.',
  args: { uuids: many('UUID', 'pod') },
  flags: {
    force: toggle('kill at once'),
    time: duration('how long apps may take before they are killed (default: as the pod was started with)', {
      short: 't',
    }),
    uuidFile: text('file with the UUID of the pod', { value: 'FILE', complete: 'file' }),
  },
  privilege: 'root',
  examples: [{ line: 'podctl stop shop', does: 'Stop the pod called shop' }],
});

export const stop = command(spec, () => import('./stop.run.js'));
