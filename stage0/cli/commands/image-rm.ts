import { command, commandSpec, some } from '../command';

export const spec = commandSpec({
  name: 'image rm',
  summary: 'remove images from the store',
  description:
    'Layers of a Docker or OCI image go with it, unless another image has them. Pods that were prepared from an image keep ' +
    'what they need of it.',
  args: { images: some('IMAGE', 'image') },
  flags: {},
  privilege: 'any',
  examples: [{ line: 'podctl image rm sha512-1a2b', does: 'Remove an image by a prefix of its ID' }],
});

export const imageRm = command(spec, () => import('./image-rm.run.js'));
