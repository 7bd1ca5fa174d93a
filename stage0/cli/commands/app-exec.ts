import { command, commandSpec, many, required } from '../command';
import { ENTER_EXIT_CODES, ENTER_FLAGS } from './enter';

export const spec = commandSpec({
  name: 'app exec',
  summary: 'run a command in an app of a running pod (the same as enter)',
  args: { uuid: required('UUID', 'pod'), command: many('CMD') },
  flags: ENTER_FLAGS,
  leadingFlags: true,
  privilege: 'root',
  exitCodes: ENTER_EXIT_CODES,
  examples: [
    { line: 'podctl app exec --app=web shop nginx -t', does: 'Run a program of the app web of the pod called shop' },
  ],
});

export const appExec = command(spec, () => import('./app-exec.run.js'));
