import { command, commandSpec } from '../command';
import { choice } from '../flag';
import { FORMATS } from '../present';

export const spec = commandSpec({
  name: 'version',
  summary: 'show the version of podctl and of what it is built on',
  args: {},
  flags: { format: choice('print JSON instead of lines', FORMATS, { default: '' }) },
  privilege: 'any',
  examples: [{ line: 'podctl version --format=json', does: 'Versions for a program' }],
});

export const version = command(spec, () => import('./version.run.js'));
