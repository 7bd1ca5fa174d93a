import { command, commandSpec, required } from '../command';
import { DIRECTORY_FLAGS } from './image-directory';

export const spec = commandSpec({
  name: 'image render',
  summary: 'unpack an image of the store as an app would see it, with its dependencies',
  description:
    'The directory gets the manifest and rootfs/, and appears when it is complete. Owners are kept if root unpacks; otherwise ' +
    'everything belongs to the user who does.\n\nIf it is killed, a hidden directory .DIR.podctl-… stays beside DIR; the next ' +
    'one for the same DIR removes it.',
  args: { image: required('IMAGE', 'image'), directory: required('DIR', 'directory') },
  flags: DIRECTORY_FLAGS,
  privilege: 'any',
  examples: [
    { line: 'podctl image render --rootfs-only example.com/web web', does: 'Make a root directory of an image' },
  ],
});

export const imageRender = command(spec, () => import('./image-render.run.js'));
