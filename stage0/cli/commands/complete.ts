import { command, commandSpec, required } from '../command';

export const spec = commandSpec({
  name: '__complete',
  summary: 'print the words that a completion script asks for, one per line',
  args: { what: required('WHAT') },
  flags: {},
  privilege: 'any',
  hidden: true,
});

export const complete = command(spec, () => import('./complete.run.js'));
