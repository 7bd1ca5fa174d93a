import { command, commandSpec, many } from '../command';
import { choice, duration, text, toggle } from '../flag';
import { FORMATS } from '../present';

export const spec = commandSpec({
  name: 'stats',
  summary: 'show what running pods and their apps use',
  description:
    'CPU time in percent of one CPU, memory, processes and threads, bytes read from and written to disks, and the share of the ' +
    'last ten seconds in which processes waited for CPU, memory and disks (PSI). On a terminal the table is shown anew again ' +
    'and again until ^C; otherwise, or with --no-stream, once, and CPU is the average since the start.\n\n' +
    'What the host does not account is `-` (null in JSON): it has not given the controller to cgroup v2.\n\n' +
    'JSON is an array of one object for each pod (`app` is null) and each running app: pod, name, app, at, since (both in ms ' +
    'since the epoch), cpu_usec, cpu_percent, memory_bytes, memory_peak_bytes, memory_max_bytes, oom_kills, pids, pids_max, ' +
    'read_bytes, written_bytes, pressure {cpu, memory, io}.',
  args: { uuids: many('UUID', 'pod') },
  flags: {
    noStream: toggle('show it once'),
    interval: duration('time between two readings', { default: '1s' }),
    noLegend: toggle('no header line'),
    uuidFile: text('file with the UUID of the pod', { value: 'FILE', complete: 'file' }),
    format: choice('print JSON, once, instead of a table', FORMATS, { default: '' }),
  },
  privilege: 'root',
  examples: [{ line: 'podctl stats --no-stream shop', does: 'What the pod called shop uses, once' }],
});

export const stats = command(spec, () => import('./stats.run.js'));
