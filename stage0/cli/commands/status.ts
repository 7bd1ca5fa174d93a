import { command, commandSpec, maybe } from '../command';
import { choice, text } from '../flag';
import { FORMATS } from '../present';

export const spec = commandSpec({
  name: 'status',
  summary: 'show the state of a pod and of its apps',
  args: { uuid: maybe('UUID', 'pod') },
  flags: {
    uuidFile: text('file with the UUID of the pod', { value: 'FILE', complete: 'file' }),
    format: choice('print JSON instead of lines', FORMATS, { default: '' }),
  },
  privilege: 'any',
  examples: [{ line: 'podctl status shop', does: 'State of the pod called shop' }],
});

export const status = command(spec, () => import('./status.run.js'));
