import { command, commandSpec, some } from '../command';
import { text, toggle } from '../flag';

export const spec = commandSpec({
  name: 'trust',
  summary: 'trust public keys for images of a name prefix, or for all',
  description:
    'Shows each key and asks before it is trusted. A prefix covers the name itself and everything below it: example.com/app ' +
    'covers example.com/app/web, not example.com/application.',
  args: { keys: some('KEYFILE', 'file') },
  flags: {
    prefix: text('trust the keys for this name and the names below it', { value: 'PREFIX' }),
    root: toggle('trust the keys for every name'),
    skipFingerprintReview: toggle('do not ask'),
  },
  privilege: 'any',
  exitCodes: [{ status: '1', when: 'somebody answered no' }],
  examples: [{ line: 'podctl trust --prefix=example.com/app key.asc', does: 'Trust a key for example.com/app/…' }],
});

export const trust = command(spec, () => import('./trust.run.js'));
