import { command, commandSpec, many } from '../command';
import { text, toggle } from '../flag';

export const spec = commandSpec({
  name: 'stop',
  summary: 'stop running pods',
  description:
    'Asks the apps to stop (SIGTERM), and kills what is left when their time is up. Returns when the pod has ended.',
  args: { uuids: many('UUID', 'pod') },
  flags: {
    force: toggle('kill at once'),
    uuidFile: text('file with the UUID of the pod', { value: 'FILE', complete: 'file' }),
  },
  privilege: 'root',
  examples: [{ line: 'podctl stop shop', does: 'Stop the pod called shop' }],
});

export const stop = command(spec, () => import('./stop.run.js'));
