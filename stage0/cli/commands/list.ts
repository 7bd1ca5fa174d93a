import { command, commandSpec } from '../command';
import { choice, toggle } from '../flag';
import { FORMATS } from '../present';

export const spec = commandSpec({
  name: 'list',
  summary: 'list pods',
  args: {},
  flags: {
    full: toggle('whole UUIDs and image IDs, exact times'),
    noLegend: toggle('no header line'),
    format: choice('print JSON instead of a table', FORMATS, { default: '' }),
  },
  privilege: 'any',
  examples: [{ line: 'podctl list --format=json', does: 'The pods for a program' }],
});

export const list = command(spec, () => import('./list.run.js'));
