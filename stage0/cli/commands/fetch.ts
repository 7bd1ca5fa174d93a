import { command, commandSpec } from '../command';
import { toggle } from '../flag';
import { APP_FLAGS, FETCH_FLAGS } from './pod-flags';

export const spec = commandSpec({
  name: 'fetch',
  summary: 'verify images and put them into the store',
  description: 'Prints one image ID per image.',
  args: {},
  flags: { ...FETCH_FLAGS, full: toggle('print whole IDs') },
  images: { flags: { signature: APP_FLAGS.signature }, arguments: false },
  privilege: 'any',
  examples: [{ line: 'podctl fetch --signed web.aci db.aci', does: 'Store two signed images' }],
});

export const fetch = command(spec, () => import('./fetch.run.js'));
