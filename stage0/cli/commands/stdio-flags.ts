/** Flags about stdin, stdout and stderr (docs/stdio.md). Pure data. */
import { INPUT_MODES, OUTPUT_MODES } from '../../../stage2/stdio';
import { choice, optional, text, toggle } from '../flag';

/** Of an app. */
export const APP_STDIO_FLAGS = {
  stdin: choice(
    'input of the app: none (null, the default), a pipe (stream) or a terminal (tty) to attach to',
    INPUT_MODES,
  ),
  stdout: choice(
    'output of the app: the journal and whoever looks (log, the default), only whoever looks (stream, tty), nobody (null)',
    OUTPUT_MODES,
  ),
  stderr: choice('the same for the standard error of the app', OUTPUT_MODES),
};

export const DETACH_KEYS_FLAG = text('keys that leave an app with a terminal, which goes on; none: --detach-keys=', {
  value: 'KEY,…',
  default: 'ctrl-p,ctrl-q',
});

/** Of who starts a pod. */
export const INTERACTION_FLAGS = {
  interactive: toggle('give the app the input of podctl, and a terminal if stdin and stdout are terminals', {
    short: 'i',
  }),
  tty: optional('a terminal for the app, whatever stdin and stdout are, or none', {
    bare: 'true',
    value: 'BOOL',
    short: 't',
  }),
  detachKeys: DETACH_KEYS_FLAG,
};
