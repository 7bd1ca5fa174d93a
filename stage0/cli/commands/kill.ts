import { PodctlError } from '#kernel/errors';
import { signalNumber } from '../../../stage2/signals';
import { command, commandSpec, many } from '../command';
import { choice, parsed, text } from '../flag';

function readSignal(written: string): number {
  const number = signalNumber(written);
  if (number !== undefined) return number;
  throw new PodctlError('usage', 'no signal', { hint: 'write it like SIGHUP, usr1, RTMIN+3 or 15' });
}

export const spec = commandSpec({
  name: 'kill',
  summary: 'send a signal to the apps of running pods',
  description:
    'The signal goes to the process that the program of each app was executed in, or to every process. What follows when an app ' +
    'of that ends is as if it had ended by itself: restart policy and exit policy hold.\n\n' +
    "The pod's own init is not among them: it takes its signals from systemd (`systemctl kill --kill-whom=main UNIT`).",
  args: { uuids: many('UUID', 'pod') },
  flags: {
    signal: parsed('name or number of the signal', readSignal, { default: 'TERM', short: 's', value: 'SIGNAL' }),
    app: text('this app only', { value: 'APP', complete: 'app' }),
    whom: choice('the first process of each app, or all of them', ['main', 'all'], { default: 'main' }),
    uuidFile: text('file with the UUID of the pod', { value: 'FILE', complete: 'file' }),
  },
  privilege: 'root',
  examples: [
    {
      line: 'podctl kill -s HUP --app=web shop',
      does: 'Have the app web of the pod called shop read its configuration',
    },
    { line: 'podctl kill -s KILL --whom=all shop', does: 'Kill every process of its apps' },
  ],
});

export const kill = command(spec, () => import('./kill.run.js'));
