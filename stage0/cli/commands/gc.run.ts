import { PodctlError } from '#kernel/errors';
import { formatDuration } from '#kernel/quantity';
import { collect, type GcEvent } from '../../../gc/collect';
import { garbagePort, sweepLeftovers } from '../../usecases/garbage';
import type { Handler } from '../command';
import type { Context } from '../context';
import { jsonText } from '../present';
import { createServices } from '../services';
import type { spec } from './gc';

export const run: Handler<typeof spec> = async (context, { flags }) => {
  const services = createServices(context);
  let failed = 0;
  const report = (event: GcEvent): void => {
    if (event.kind === 'failed') failed += 1;
    if (flags.format !== '') context.out.write(jsonText(event, 'json'));
    else tell(context, event, flags.gracePeriod);
  };
  collect(garbagePort(services), context.now, flags, report);
  if (!flags.markOnly) sweepLeftovers(services);
  if (failed > 0) throw new PodctlError('pods-failed', `${failed} pods could not be collected`);
  return 0;
};

/** rkt's sentences (rkt-cli.md §1.2). */
function tell(context: Context, event: GcEvent, gracePeriod: number): void {
  if (event.kind === 'failed') {
    context.warn(`pod "${event.id}" not removed: ${event.message}`);
    return;
  }
  const { action } = event;
  switch (action.kind) {
    case 'mark':
      context.err.line(
        `moving ${action.why === 'failed prepare' ? 'failed prepare' : 'pod'} "${action.id}" to garbage`,
      );
      break;
    case 'remove':
      context.out.line(`Garbage collecting pod "${action.id}"`);
      break;
    case 'keep':
      context.err.line(`pod "${action.id}" not removed: still within grace period (${formatDuration(gracePeriod)})`);
  }
}
