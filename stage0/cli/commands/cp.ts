import { command, commandSpec, required } from '../command';
import { toggle } from '../flag';

export const spec = commandSpec({
  name: 'cp',
  summary: 'copy files between an app and the host',
  description:
    'One side is POD:PATH, or POD:APP:PATH in a pod of several apps, with an absolute PATH in the root of the app; the other is a ' +
    'path of the host (with a / or ./ before it if there is a colon in it), or - for a tar archive on stdin or stdout.\n\n' +
    'What is copied goes into the target if that is a directory, else it gets the name of the target. A directory is copied with ' +
    'all below it; written with a slash or /. at its end, only what is in it. Symbolic links are copied, and followed on neither ' +
    'side but on the way to PATH, where they lead within the root of the app. Modes, times, file capabilities and attributes of ' +
    'users are kept, owners with --archive. Devices and sockets are left out, with a warning.\n\n' +
    'From a pod that has ended can be copied, too, as long as gc has not taken it; without its volumes.',
  args: { from: required('SOURCE'), to: required('TARGET') },
  flags: {
    archive: toggle('keep owners; else all belongs to root, of the host or of the pod', { short: 'a' }),
  },
  privilege: 'root',
  examples: [
    { line: 'podctl cp shop:/var/log/shop.log .', does: 'Copy a file out of the only app of the pod called shop' },
    { line: 'podctl cp -a ./site/ shop:web:/srv/www', does: 'Copy what is in a directory into the app web' },
    { line: 'podctl cp shop:db:/var/lib/db - > db.tar', does: 'Pack a directory' },
  ],
});

export const cp = command(spec, () => import('./cp.run.js'));
