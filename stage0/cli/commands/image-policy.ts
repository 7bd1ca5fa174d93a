import { command, commandSpec, some } from '../command';
import { choice, toggle } from '../flag';
import { FORMATS } from '../present';

export const spec = commandSpec({
  name: 'image policy',
  summary: 'explain what images of registries have to prove before they are used',
  description:
    'Shows which rule of policy.d decides about an image, what it demands, which keys may have signed the image, where its ' +
    'signatures are looked for, and which registry and mirrors are asked. None of them is asked for this.',
  args: { images: some('NAME') },
  flags: {
    signed: toggle('explain what --signed would demand'),
    format: choice('print JSON instead of a table', FORMATS, { default: '' }),
  },
  privilege: 'any',
  examples: [
    {
      line: 'podctl image policy docker://example.com/shop/web:v1',
      does: 'See whether an image has to be signed, and by whom',
    },
  ],
});

export const imagePolicy = command(spec, () => import('./image-policy.run.js'));
