import { PodctlError } from '#kernel/errors';
import { parseDuration } from '#kernel/quantity';
import { command, commandSpec, maybe } from '../command';
import { choice, parsed, text } from '../flag';
import { FORMATS } from '../present';

/** True: without a limit. */
function readWait(written: string): number | boolean {
  if (written === 'true' || written === 'false') return written === 'true';
  const ms = parseDuration(written);
  if (ms !== undefined) return ms;
  throw new PodctlError('usage', 'neither true nor false nor a duration', { hint: 'write it like 90s, 30m or 1h30m' });
}

const wait = (summary: string) => parsed(summary, readWait, { bare: 'true', value: 'DURATION' });

export const spec = commandSpec({
  name: 'status',
  summary: 'show the state of a pod and of its apps',
  description:
    'With --wait or --wait-ready it first waits for that, if a duration is given for so long at most, and for a pod that was ' +
    'prepared also for its start. A pod is ready when all of its apps are, or were executed if they do not tell.',
  args: { uuid: maybe('UUID', 'pod') },
  flags: {
    wait: wait('wait until the pod has ended'),
    waitReady: wait('wait until the pod is ready'),
    uuidFile: text('file with the UUID of the pod', { value: 'FILE', complete: 'file' }),
    format: choice('print JSON instead of lines', FORMATS, { default: '' }),
  },
  privilege: 'any',
  exitCodes: [
    { status: '0', when: 'the pod was shown, after what was waited for, whatever the statuses of its apps' },
    { status: '254', when: 'wait-timeout, or pod-not-ready: it ended before it was' },
  ],
  examples: [
    { line: 'podctl status shop', does: 'State of the pod called shop' },
    {
      line: 'podctl status --wait-ready=30s shop',
      does: 'The same once it is ready, or a failure after half a minute',
    },
  ],
});

export const status = command(spec, () => import('./status.run.js'));
