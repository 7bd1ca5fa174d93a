import { command, commandSpec, required } from '../command';
import { toggle } from '../flag';

export const spec = commandSpec({
  name: 'image cat-manifest',
  summary: 'print the manifest of an image',
  args: { image: required('IMAGE', 'image') },
  flags: {
    prettyPrint: toggle('indent', { default: true }),
    provenance: toggle('where the image came from and who signed it, as one line of JSON on stderr'),
  },
  privilege: 'any',
});

export const imageCatManifest = command(spec, () => import('./image-cat-manifest.run.js'));
