import { command, commandSpec, required } from '../command';

export const spec = commandSpec({
  name: 'rename',
  summary: 'give a pod another name',
  description:
    'The name is that of the machine, too: machined is told of a running pod by its new one. Its host name stays as it is. ' +
    'The old name is free.',
  args: { uuid: required('UUID', 'pod'), name: required('NAME') },
  flags: {},
  privilege: 'root',
  examples: [{ line: 'podctl rename 5a3e shop', does: 'Call the pod whose UUID begins with 5a3e shop' }],
});

export const rename = command(spec, () => import('./rename.run.js'));
