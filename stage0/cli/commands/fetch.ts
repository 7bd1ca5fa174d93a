import { command, commandSpec } from '../command';
import { choice, toggle } from '../flag';
import { APP_FLAGS, FETCH_FLAGS } from './pod-flags';

export const spec = commandSpec({
  name: 'fetch',
  summary: 'verify images and put them into the store',
  description:
    'An IMAGE is a file, an http or https URL that ends in .aci, the ID of a stored image, a name such as ' +
    'example.com/web:1.2,os=linux, which its site says the place of, or a Docker or OCI image: docker://REPOSITORY, ' +
    'oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME], where - is standard input. What the images depend on is fetched, too. Prints one ' +
    'image ID per image.\n\nWhat has come of an interrupted download is kept, and only the rest fetched later.',
  args: {},
  flags: {
    ...FETCH_FLAGS,
    full: toggle('print whole IDs'),
    format: choice('what happens, as one JSON object per line', ['', 'json'], { default: '' }),
  },
  images: { flags: { signature: APP_FLAGS.signature }, arguments: false },
  privilege: 'any',
  examples: [
    { line: 'podctl fetch --signed web.aci db.aci', does: 'Store two signed images' },
    { line: 'podctl fetch example.com/web:1.2', does: 'Find an image by its name, and store it' },
    { line: 'podctl fetch docker-archive:web.tar', does: 'Store what docker save wrote' },
  ],
});

export const fetch = command(spec, () => import('./fetch.run.js'));
