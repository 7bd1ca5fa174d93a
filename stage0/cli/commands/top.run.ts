import { formatBytes } from '#kernel/quantity';
import { type ProcessView, processesOf } from '../../usecases/processes';
import type { Handler } from '../command';
import { jsonText, table } from '../present';
import { createServices } from '../services';
import { podArgument } from './pod-argument';
import type { spec } from './top';

const LEGEND = ['APP', 'PID', 'HOST PID', 'USER', 'S', 'CPU%', 'TIME', 'MEMORY', 'COMMAND'];

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  const services = createServices(context);
  const found = processesOf(services, podArgument(services, args.uuid, flags.uuidFile));
  if (flags.format !== '') context.out.write(jsonText(found.map(processJson), flags.format));
  else context.out.write(table(flags.noLegend ? found.map(row) : [LEGEND, ...found.map(row)]));
  return 0;
};

const row = ({ app, pid, hostPid, user, state, cpuMs, ageMs, memory, command }: ProcessView): readonly string[] => [
  app ?? '-',
  String(pid),
  String(hostPid),
  user,
  state,
  ageMs === 0 ? '-' : ((100 * cpuMs) / ageMs).toFixed(1),
  clock(cpuMs),
  formatBytes(memory),
  command,
];

/** `1:02:03`, `2:03` */
function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const two = (value: number): string => String(value).padStart(2, '0');
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes}:${two(seconds % 60)}`
    : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}

const processJson = ({ app = undefined, pid, hostPid, user, state, cpuMs, ageMs, memory, command }: ProcessView) => ({
  app: app ?? null,
  pid,
  host_pid: hostPid,
  user,
  state,
  cpu_ms: cpuMs,
  age_ms: ageMs,
  memory_bytes: memory,
  command,
});
