import { PodctlError } from '#kernel/errors';
import { requireJournal } from '../../systemd/journal-access';
import { ALL_MESSAGE_IDS, type AnyEvent } from '../../systemd/journal-events';
import { findLogs } from '../../usecases/log-source';
import { type PodEventView, showEvents } from '../../usecases/pod-events';
import type { Handler } from '../command';
import { jsonText, printable } from '../present';
import { createServices } from '../services';
import type { spec } from './events';

export const run: Handler<typeof spec> = async (context, { flags }) => {
  const services = createServices(context);
  const events = flags.event.map(eventOf);
  requireJournal();
  const pods = [];
  for (const reference of flags.pod) pods.push((await findLogs(services, reference)).pod);
  const query = {
    pods,
    events,
    follow: flags.follow,
    ...(flags.since === undefined ? {} : { since: flags.since }),
    ...(flags.until === undefined ? {} : { until: flags.until }),
  };
  const { format } = flags;
  await showEvents(query, (event) => {
    context.out.write(format === '' ? sentence(event) : jsonText(event, format));
    return !context.out.closed;
  });
  return 0;
};

function eventOf(word: string): AnyEvent {
  if (Object.hasOwn(ALL_MESSAGE_IDS, word)) return word as AnyEvent;
  const known = Object.keys(ALL_MESSAGE_IDS).join(', ');
  throw new PodctlError('usage', `--event: there is no "${word}", only ${known}`);
}

const SHORT_UUID = 8;

/** Time, type, pod, what it was. */
function sentence({ time, event, pod, name, message }: PodEventView): string {
  const who = `${pod.slice(0, SHORT_UUID)}${name === undefined ? '' : ` ${name}`}`;
  return `${time} ${event} ${printable(who)} ${printable(message)}\n`;
}
