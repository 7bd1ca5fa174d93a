import { command, commandSpec } from '../command';
import { choice, duration, toggle } from '../flag';
import { FORMATS } from '../present';

export const spec = commandSpec({
  name: 'gc',
  summary: 'collect the garbage: pods that are over, and what was left behind by a crash',
  description:
    'Marks exited pods, failed prepares and prepared pods nobody ran, and removes those that were marked longer ago than the ' +
    'grace period. podctl-gc.timer does this every day.',
  args: {},
  flags: {
    gracePeriod: duration('how long an exited pod is kept after it was marked', { default: '30m' }),
    expirePrepared: duration('how long a prepared pod may wait to be run', { default: '24h' }),
    markOnly: toggle('mark, but remove nothing'),
    format: choice('print JSON, one event a line, instead of sentences', FORMATS, { default: '' }),
  },
  privilege: 'root',
  examples: [{ line: 'podctl gc --grace-period=0', does: 'Remove everything that is over, now' }],
});

export const gc = command(spec, () => import('./gc.run.js'));
