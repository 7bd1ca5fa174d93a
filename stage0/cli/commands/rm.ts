import { command, commandSpec, many } from '../command';
import { text } from '../flag';

export const spec = commandSpec({
  name: 'rm',
  summary: 'remove pods that do not run',
  args: { uuids: many('UUID', 'pod') },
  flags: { uuidFile: text('file with the UUID of the pod', { value: 'FILE', complete: 'file' }) },
  privilege: 'root',
  examples: [{ line: 'podctl rm 5a3e', does: 'Remove the pod whose UUID begins with 5a3e' }],
});

export const rm = command(spec, () => import('./rm.run.js'));
