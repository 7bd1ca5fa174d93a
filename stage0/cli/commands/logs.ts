import { PodctlError } from '#kernel/errors';
import { command, commandSpec, required } from '../command';
import { list, parsed, text, toggle } from '../flag';

export const spec = commandSpec({
  name: 'logs',
  summary: 'show what a pod wrote, from the journal',
  description:
    'Works for as long as the journal has the lines, also after the pod was removed. Shows what the apps wrote, under their ' +
    'names, and what podctl and systemd say of the pod; with --app only what those apps wrote. With --follow, it ends when the ' +
    'pod has ended and the last line is shown. Root and members of the group systemd-journal may read the journal.',
  args: { uuid: required('POD', 'pod') },
  flags: {
    app: list('lines of this app only', { value: 'APP', complete: 'app' }),
    follow: toggle('go on with new lines as they come, until the pod has ended', { short: 'f' }),
    lines: parsed('the last so many lines', readCount, { short: 'n', value: 'N' }),
    since: text('lines from this moment on, as journalctl(1) takes it', { value: 'TIME' }),
    until: text('lines up to this moment', { value: 'TIME' }),
    output: text('short, cat, json or, without --follow, any other format of journalctl(1)', {
      short: 'o',
      value: 'FORMAT',
      default: 'short',
    }),
  },
  privilege: 'any',
  examples: [
    { line: 'podctl logs shop --app=web -f', does: 'Follow the app web of the pod called shop' },
    { line: 'podctl logs shop -n 20 -o cat', does: 'Its last 20 lines, bare' },
  ],
});

function readCount(written: string): number | 'all' {
  if (written === 'all') return written;
  if (/^\d{1,9}$/.test(written)) return Number(written);
  throw new PodctlError('usage', 'neither a number nor "all"');
}

export const logs = command(spec, () => import('./logs.run.js'));
