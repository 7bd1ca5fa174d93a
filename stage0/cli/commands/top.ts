import { command, commandSpec, maybe } from '../command';
import { choice, text, toggle } from '../flag';
import { FORMATS } from '../present';

export const spec = commandSpec({
  name: 'top',
  summary: 'list the processes of a running pod',
  description:
    'PID is the number in the pod, HOST PID that on the host. CPU% is CPU time per time since the start, as in ps(1). The line ' +
    "without an app is the pod's init.\n\n" +
    'JSON is an array of objects: app (null for the init), pid, host_pid, user, state, cpu_ms, age_ms, memory_bytes, command.',
  args: { uuid: maybe('UUID', 'pod') },
  flags: {
    noLegend: toggle('no header line'),
    uuidFile: text('file with the UUID of the pod', { value: 'FILE', complete: 'file' }),
    format: choice('print JSON instead of a table', FORMATS, { default: '' }),
  },
  privilege: 'root',
  examples: [{ line: 'podctl top shop', does: 'Processes of the pod called shop' }],
});

export const top = command(spec, () => import('./top.run.js'));
