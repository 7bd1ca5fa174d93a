import { command, commandSpec, some } from '../command';

export const spec = commandSpec({
  name: 'image verify',
  summary: 'check images and their rendered trees, and repair the trees',
  description:
    "The image's bytes are hashed again; what is rendered of it is compared with another rendering: contents, modes, owners, " +
    'extended attributes, times. A tree that has changed is replaced, unless a pod runs on it. An image whose own bytes have ' +
    'changed has to be removed and fetched again.',
  args: { images: some('IMAGE', 'image') },
  flags: {},
  privilege: 'root',
  examples: [{ line: 'podctl image verify example.com/web', does: 'See whether an image is what it was' }],
});

export const imageVerify = command(spec, () => import('./image-verify.run.js'));
