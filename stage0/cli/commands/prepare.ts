import { command, commandSpec } from '../command';
import { toggle } from '../flag';
import { APP_FLAGS, PREPARE_FLAGS } from './pod-flags';

export const spec = commandSpec({
  name: 'prepare',
  summary: 'fetch, verify and unpack images as a pod, to be run later',
  description:
    'Prints the UUID of the pod. `podctl run-prepared UUID` starts it; gc removes it if that does not happen.',
  args: {},
  flags: { ...PREPARE_FLAGS, quiet: toggle('print nothing but the UUID') },
  images: { flags: APP_FLAGS, arguments: true },
  privilege: 'root',
  examples: [{ line: 'podctl prepare --signed web.aci', does: 'Prepare a pod' }],
});

export const prepare = command(spec, () => import('./prepare.run.js'));
