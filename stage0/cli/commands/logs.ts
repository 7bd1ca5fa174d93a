import { PodctlError } from '#kernel/errors';
import { command, commandSpec, required } from '../command';
import { list, parsed, text, toggle } from '../flag';

export const spec = commandSpec({
  name: 'logs',
  summary: 'show what a pod wrote, from the journal',
  description:
    'Works for as long as the journal has the lines, also after the pod was removed if its whole UUID is given.',
  args: { uuid: required('UUID', 'pod') },
  flags: {
    app: list('lines of this app only', { value: 'APP' }),
    follow: toggle('go on with new lines as they come', { short: 'f' }),
    lines: parsed('the last so many lines', readCount, { short: 'n', value: 'N' }),
    since: text('lines from this moment on, as journalctl(1) takes it', { value: 'TIME' }),
    until: text('lines up to this moment', { value: 'TIME' }),
    output: text('format of journalctl(1): short, cat, json, …', { short: 'o', value: 'FORMAT' }),
  },
  privilege: 'any',
  examples: [{ line: 'podctl logs shop --app=web -f', does: 'Follow the app web of the pod called shop' }],
});

function readCount(written: string): number | 'all' {
  if (written === 'all') return written;
  if (/^\d{1,9}$/.test(written)) return Number(written);
  throw new PodctlError('usage', 'neither a number nor "all"');
}

export const logs = command(spec, () => import('./logs.run.js'));
