import { command, commandSpec, required } from '../command';
import { toggle } from '../flag';

export const spec = commandSpec({
  name: 'image export',
  summary: 'write an image of the store to a file',
  description: 'The file is the image as it is stored: an uncompressed ACI, whose sha512 is the image ID.',
  args: { image: required('IMAGE', 'image'), output: required('OUT.aci', 'file') },
  flags: { overwrite: toggle('replace the file if it is there') },
  privilege: 'any',
  examples: [{ line: 'podctl image export example.com/web:1.2 web.aci', does: 'Write an image to a file' }],
});

export const imageExport = command(spec, () => import('./image-export.run.js'));
