import { ALL_MESSAGE_IDS, type AnyEvent } from '../../systemd/journal-events';
import { command, commandSpec } from '../command';
import { choice, list, text, toggle } from '../flag';
import { FORMATS } from '../present';

const EVENTS = Object.keys(ALL_MESSAGE_IDS) as readonly AnyEvent[];

export const spec = commandSpec({
  name: 'events',
  summary: 'show what happened to pods, from the journal',
  description:
    'Each event is an entry of the journal with a MESSAGE_ID, which `journalctl -x` explains, and fields: docs/logs.md lists them. ' +
    `Types: ${EVENTS.join(', ')}. Root and members of the group systemd-journal may read the journal.`,
  args: {},
  flags: {
    follow: toggle('go on with new events as they come', { short: 'f' }),
    since: text('events from this moment on, as journalctl(1) takes it', { value: 'TIME' }),
    until: text('events up to this moment', { value: 'TIME' }),
    pod: list('events of this pod only: UUID, a prefix of it, or name', { value: 'POD', complete: 'pod' }),
    event: list('events of this type only', { value: 'TYPE' }),
    format: choice('print JSON, one event a line, instead of sentences', FORMATS, { default: '' }),
  },
  privilege: 'any',
  examples: [
    { line: 'podctl events --since=-1h --event=app-oom --event=app-exited', does: 'What ended in the last hour' },
    { line: 'podctl events -f --format=json', does: 'Events for a program, as they come' },
  ],
});

export const events = command(spec, () => import('./events.run.js'));
