import { command, commandSpec, required } from '../command';
import { choice, text } from '../flag';
import { DETACH_KEYS_FLAG } from './stdio-flags';

export const spec = commandSpec({
  name: 'attach',
  summary: 'join the input and output, or the terminal, of an app that runs',
  description:
    'Shows what the app says from now on, and gives it what is typed or piped in, if it has an input (--stdin=stream, ' +
    '--stdin=tty, --interactive). Several can be attached at once; the window size of the last one counts. Who takes the output too ' +
    'slowly is detached with a message, and never holds the app back.\n\n' +
    'In a terminal of the app the detach keys leave it, elsewhere ^C does; the app goes on. The end of the input is the end of the ' +
    "app's. Attached ends when the app does, with its status. `podctl logs` shows what was said before.",
  args: { uuid: required('UUID', 'pod') },
  flags: {
    app: text('name of the app, if the pod has several', { value: 'APP', complete: 'app' }),
    mode: text(
      'what to attach to: all there is (auto), tty, tty-in, tty-out, or some of stdin,stdout,stderr; list shows what there is',
      { default: 'auto', value: 'MODE' },
    ),
    detachKeys: DETACH_KEYS_FLAG,
    format: choice('how --mode=list shows it', ['', 'json', 'json-pretty'], { default: '' }),
  },
  privilege: 'root',
  exitCodes: [
    { status: '0', when: 'it was left by the detach keys' },
    { status: '0–253', when: 'the status of the app' },
    { status: '128+N', when: 'signal N ended podctl, or the app' },
  ],
  examples: [
    { line: 'podctl attach shop', does: 'Join the only app of the pod called shop' },
    { line: 'podctl attach --app=db --mode=stdin shop < dump.sql', does: 'Give an app its input' },
    { line: 'podctl attach --mode=list shop', does: 'Show what can be attached to' },
  ],
});

export const attach = command(spec, () => import('./attach.run.js'));
