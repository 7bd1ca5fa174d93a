import { command, commandSpec, required } from '../command';
import { text } from '../flag';
import { APP_ISOLATOR_FLAGS, SHARED_ISOLATOR_FLAGS } from './isolator-flags';

export const spec = commandSpec({
  name: 'update',
  summary: 'change limits of a running pod, or of one of its apps',
  description:
    'They hold at once, and until the pod is removed: through restarts, too. Those of the pod are properties of its unit, as by ' +
    '`systemctl set-property --runtime`, which a unit of yours keeps until the next boot or `systemctl revert`; those of an app are ' +
    'set in its cgroup, and lowered to those of the pod. A limit that the host cannot enforce is refused. Less memory than is in use ' +
    'makes the kernel reclaim, or kill.',
  args: { uuid: required('UUID', 'pod') },
  flags: {
    app: text('this app, instead of the pod as a whole', { value: 'APP', complete: 'app' }),
    ...SHARED_ISOLATOR_FLAGS,
    cpuShares: APP_ISOLATOR_FLAGS.cpuShares,
    oomGroup: APP_ISOLATOR_FLAGS.oomGroup,
  },
  privilege: 'root',
  examples: [{ line: 'podctl update --app=web --memory=512Mi shop', does: 'Limit the memory of the app web' }],
});

export const update = command(spec, () => import('./update.run.js'));
