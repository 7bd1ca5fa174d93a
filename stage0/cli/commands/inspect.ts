import { command, commandSpec, some } from '../command';
import { choice } from '../flag';

export const spec = commandSpec({
  name: 'inspect',
  summary: 'tell all there is to know about pods, as JSON',
  description:
    'An array of one object for each pod: what `status --format=json` has, and paused, directory, record (what podctl itself ' +
    'remembers: images, who signed them, users, isolators), manifest (appc), cgroup, network, mounts (as the init sees them), ' +
    'stats (as `podctl stats`), and unit_properties: name to value, as `systemctl show` has them, null if systemd cannot be ' +
    'asked or the unit is gone. Members of what is not running are null.',
  args: { uuids: some('UUID', 'pod') },
  flags: { format: choice('how the JSON is written', ['json', 'json-pretty'], { default: 'json-pretty' }) },
  privilege: 'root',
  examples: [{ line: 'podctl inspect shop | jq .[0].unit_properties.MemoryMax', does: 'The memory limit of a pod' }],
});

export const inspect = command(spec, () => import('./inspect.run.js'));
