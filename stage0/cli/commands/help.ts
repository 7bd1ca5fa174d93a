import { command, commandSpec, many } from '../command';

export const spec = commandSpec({
  name: 'help',
  summary: 'show help for podctl or one of its commands',
  args: { words: many('COMMAND', 'command') },
  flags: {},
  privilege: 'any',
  examples: [{ line: 'podctl help image list', does: 'The same as podctl image list --help' }],
});

export const help = command(spec, () => import('./help.run.js'));
