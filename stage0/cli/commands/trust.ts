import { command, commandSpec, many } from '../command';
import { choice, list, text, toggle } from '../flag';
import { FORMATS } from '../present';

export const spec = commandSpec({
  name: 'trust',
  summary: 'trust public keys for images of a name prefix, or for all; list and remove them',
  description:
    'Shows each key and asks before it is trusted. A KEY is a file, or an http or https URL; without one, the site of the ' +
    'prefix is asked for its keys (meta discovery). A prefix covers the name itself and everything below it: ' +
    'example.com/app covers example.com/app/web, not example.com/application.\n\nA key that the system ships is removed by ' +
    'an empty file of its name in the local configuration directory.',
  args: { keys: many('KEY', 'file') },
  flags: {
    prefix: text('trust the keys for this name and the names below it', { value: 'PREFIX' }),
    root: toggle('trust the keys for every name'),
    skipFingerprintReview: toggle('do not ask'),
    insecureAllowHttp: toggle('also fetch keys over plain http, where anybody on the way may exchange them'),
    list: toggle('list the keys there are, of all prefixes or of the one given'),
    remove: list('trust this key no more, for all prefixes or for the one given', { value: 'FINGERPRINT' }),
    format: choice('print the list as JSON', FORMATS, { default: '' }),
  },
  privilege: 'any',
  exitCodes: [{ status: '1', when: 'somebody answered no' }],
  examples: [
    { line: 'podctl trust --prefix=example.com/app key.asc', does: 'Trust a key for example.com/app/…' },
    { line: 'podctl trust --prefix=example.com/app', does: 'Trust the keys that the site example.com names for it' },
    { line: 'podctl trust --list', does: 'Show all keys, what they count for, and what became of them' },
  ],
});

export const trust = command(spec, () => import('./trust.run.js'));
