import { command, commandSpec, required } from '../command';
import { text, toggle } from '../flag';

export const spec = commandSpec({
  name: 'export',
  summary: 'write an app of a pod that has ended as an image',
  description:
    'The image holds the files as the app left them, and the manifest of the image the app came from. Volumes are not part ' +
    'of it; device nodes and sockets are left out, and told.',
  args: { uuid: required('UUID', 'pod'), output: required('OUT.aci', 'file') },
  flags: {
    app: text('name of the app, if the pod has several', { value: 'NAME' }),
    overwrite: toggle('replace the file if it is there'),
  },
  privilege: 'root',
  examples: [{ line: 'podctl export shop shop.aci', does: 'Make an image of what the pod called shop has become' }],
});

export const exportPod = command(spec, () => import('./export.run.js'));
