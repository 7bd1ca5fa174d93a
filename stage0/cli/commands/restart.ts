import { command, commandSpec, many } from '../command';
import { duration, text } from '../flag';

export const spec = commandSpec({
  name: 'restart',
  summary: 'stop pods and start them again, or one app of them',
  description:
    'A pod keeps its UUID, its name, its unit, how it was started and what its apps have written; it is detached afterwards. One ' +
    'that has ended is started, as long as gc has not taken it. The unit of a pod that runs in place in a unit of yours is ' +
    'restarted, which makes a new pod.\n\n' +
    'With --app one app ends and begins again; the pod goes on meanwhile, even if it is its only one.',
  args: { uuids: many('UUID', 'pod') },
  flags: {
    app: text('this app only', { value: 'APP', complete: 'app' }),
    time: duration('how long apps may take to stop before they are killed (default: as the pod was started with)', {
      short: 't',
    }),
    uuidFile: text('file with the UUID of the pod', { value: 'FILE', complete: 'file' }),
  },
  privilege: 'root',
  examples: [
    { line: 'podctl restart shop', does: 'Restart the pod called shop' },
    { line: 'podctl restart --app=web --time=0s shop', does: 'Kill one of its apps and start it again' },
  ],
});

export const restart = command(spec, () => import('./restart.run.js'));
