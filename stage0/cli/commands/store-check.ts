import { command, commandSpec } from '../command';
import { choice, toggle } from '../flag';
import { FORMATS } from '../present';

export const spec = commandSpec({
  name: 'store check',
  summary: 'find what a crash or a disk left in the store, and mend it',
  description:
    'Hashes every image again, compares its manifest with the one in its archive, and looks for half images and trees, files ' +
    'that nobody is writing any more, notes about images and pods that are gone, and wrong owners and modes. Each finding has ' +
    'a code and a path, and says what --repair does about it.',
  args: {},
  flags: {
    repair: toggle('mend what is found'),
    deep: toggle('also render every tree again, and compare: content, modes, owners, attributes, times'),
    format: choice('print JSON instead of sentences', FORMATS, { default: '' }),
  },
  privilege: 'root',
  exitCodes: [{ status: '1', when: 'something is wrong and was not mended' }],
  examples: [{ line: 'podctl store check --repair', does: 'Set the store right after a crash' }],
});

export const storeCheck = command(spec, () => import('./store-check.run.js'));
