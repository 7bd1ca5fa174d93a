import { command, commandSpec, many } from '../command';
import { text } from '../flag';

/** Of `pause` and `resume`. */
export const PAUSE_FLAGS = {
  app: text('this app only', { value: 'APP', complete: 'app' }),
  uuidFile: text('file with the UUID of the pod', { value: 'FILE', complete: 'file' }),
} as const;

export const spec = commandSpec({
  name: 'pause',
  summary: 'stop the processes of running pods where they are',
  description:
    'The freezer of the kernel keeps all processes of the pod, or of one of its apps, from running, without their knowing. They ' +
    'keep their memory, and `podctl resume` lets them go on. `list` and `status` show them as `paused`; `stop` and `kill -s KILL` ' +
    'work on them. A pod that is paused as a whole cannot be entered, and its apps cannot be started, stopped or added.',
  args: { uuids: many('UUID', 'pod') },
  flags: PAUSE_FLAGS,
  privilege: 'root',
  examples: [
    { line: 'podctl pause shop', does: 'Pause the pod called shop, as `systemctl freeze` of its unit' },
    { line: 'podctl pause --app=indexer shop', does: 'Pause one of its apps' },
  ],
});

export const pause = command(spec, () => import('./pause.run.js'));
