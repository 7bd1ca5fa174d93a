import { command, commandSpec, maybe } from '../command';
import { text, toggle } from '../flag';

export const spec = commandSpec({
  name: 'cat-manifest',
  summary: 'print the manifest of a pod',
  args: { uuid: maybe('UUID', 'pod') },
  flags: {
    prettyPrint: toggle('indent', { default: true }),
    uuidFile: text('file with the UUID of the pod', { value: 'FILE', complete: 'file' }),
  },
  privilege: 'any',
});

export const catManifest = command(spec, () => import('./cat-manifest.run.js'));
