import { appName } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { rangeArguments, showLogs } from '../../systemd/journal';
import { requireJournal } from '../../systemd/journal-access';
import { OWN_OUTPUTS, type OwnOutput } from '../../systemd/journal-entry';
import { podMatches } from '../../systemd/journal-match';
import { unitStatus } from '../../systemd/manager';
import { followLogs, syncJournal } from '../../usecases/follow-logs';
import { type FoundLogs, findLogs } from '../../usecases/log-source';
import type { Services } from '../../usecases/services';
import type { Handler } from '../command';
import { createServices } from '../services';
import type { spec } from './logs';

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  const services = createServices(context);
  const output = OWN_OUTPUTS.find((own) => own === flags.output);
  if (flags.follow && output === undefined)
    throw new PodctlError('usage', `--output: "${flags.output}" cannot be followed, only ${OWN_OUTPUTS.join(', ')}`);
  requireJournal();
  const source = await findLogs(services, args.uuid);
  const query = {
    source,
    apps: flags.app.map(appName),
    ...(flags.lines === undefined ? {} : { lines: flags.lines }),
    ...(flags.since === undefined ? {} : { since: flags.since }),
    ...(flags.until === undefined ? {} : { until: flags.until }),
  };
  try {
    if (!flags.follow) return await showLogs(query, flags.output);
    if (await isOver(services, source)) {
      await syncJournal(source.namespace); // ignored: who may not ask for it gets what is stored
      return await showLogs(query, flags.output);
    }
    await followLogs({
      matches: podMatches(source, query.apps),
      from: rangeArguments(query),
      ...(source.namespace === undefined ? {} : { namespace: source.namespace }),
      output: output as OwnOutput,
      write: (bytes) => context.out.write(bytes),
      // Nobody reads any more, or nothing comes any more.
      isOver: async () => context.out.closed || (await isOver(services, source)),
    });
    return 0;
  } finally {
    services.disconnect();
  }
};

const AT_REST = ['inactive', 'failed'];

/**
 * By its lock, and by what systemd says of its unit: to those who may not look at the lock, and because systemd's own lines about
 * the end come behind the pod's.
 */
async function isOver(services: Services, { entry, unit, invocation }: FoundLogs): Promise<boolean> {
  if (entry !== undefined && services.pods.state(entry) === 'running') return false;
  try {
    const status = await unitStatus(services.connect(), unit);
    if (AT_REST.includes(status.activeState) || status.subState === 'auto-restart') return true;
    return invocation !== undefined && status.invocation !== invocation;
  } catch (error) {
    if (entry === undefined || !(error instanceof PodctlError)) throw error;
    return true; // what it has said can be shown without systemd
  }
}
