import { assertSystemd } from '../../systemd/host';
import { preparePod } from '../../usecases/prepare';
import { enterRun, runPod } from '../../usecases/run';
import type { Handler } from '../command';
import { createServices } from '../services';
import { interrupts } from './interrupts';
import { prepareRequestOf, startOptionsOf } from './pod-request';
import { announce, explain, saveUuid, showPlan } from './pod-start';
import type { spec } from './run';

export const run: Handler<typeof spec> = async (context, words) => {
  const { flags } = words;
  if (!flags.dryRun) assertSystemd();
  const request = prepareRequestOf(context, words);
  const options = startOptionsOf(flags);
  const services = createServices(context);
  // The bus answers while the images are looked up here.
  if (!flags.dryRun) services.connect();
  const prepared = await preparePod(services, request);
  if (flags.dryRun) return showPlan(context, services, prepared, options);
  const { pod } = prepared;
  saveUuid(pod.id, flags.uuidFileSave);
  const running = enterRun(services, prepared);
  const status = await runPod(services, running, options, interrupts);
  announce(context, pod.id, options);
  await explain(context, services, running.pod, status);
  return status;
};
