import { command, commandSpec } from '../command';
import { duration } from '../flag';

export const spec = commandSpec({
  name: 'image gc',
  summary: 'remove rendered trees that no pod uses, and images that were not used for long',
  description:
    'Never what a pod needs that is not garbage, nor what an image that stays is rendered from. Waits for pods that are being ' +
    'prepared, and they for it. What a crash left of images goes as well.',
  args: {},
  flags: { gracePeriod: duration('how long an image is kept after its last use', { default: '24h' }) },
  privilege: 'root',
  examples: [{ line: 'podctl image gc --grace-period=0', does: 'Remove all that no pod needs, now' }],
});

export const imageGc = command(spec, () => import('./image-gc.run.js'));
