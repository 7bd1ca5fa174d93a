import { appName, isPodId, type PodId } from '#kernel/brand';
import { findPod } from '../../pod/lookup';
import { recordIfReadable } from '../../pod/record';
import { showLogs } from '../../systemd/journal';
import type { Services } from '../../usecases/services';
import type { Handler } from '../command';
import { createServices } from '../services';
import type { spec } from './logs';

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  const services = createServices(context);
  const pod = podId(services, args.uuid);
  const entry = services.pods.get(pod);
  const namespace = entry === undefined ? undefined : recordIfReadable(entry.path)?.logNamespace;
  const query = {
    pod,
    ...(namespace === undefined ? {} : { namespace }),
    apps: flags.app.map(appName),
    follow: flags.follow,
    ...(flags.lines === undefined ? {} : { lines: flags.lines }),
    ...(flags.since === undefined ? {} : { since: flags.since }),
    ...(flags.until === undefined ? {} : { until: flags.until }),
    ...(flags.output === undefined ? {} : { output: flags.output }),
  };
  return showLogs(query);
};

/** The journal outlives the pod, so a whole UUID needs no pod to go with it. */
const podId = (services: Services, reference: string): PodId =>
  isPodId(reference) ? reference : findPod(services.pods, services.dataDir, reference).id;
