import { assertSystemd } from '../../systemd/host';
import { askPlace, PLACED_APART } from '../../usecases/place';
import { enterRun, runPod } from '../../usecases/run';
import type { Handler } from '../command';
import { createServices } from '../services';
import { interrupts } from './interrupts';
import { placeWishOf, prepareRequestOf, startOptionsOf } from './pod-request';
import { announce, explain, prepareIn, saveUuid, showPlan, takeOver } from './pod-start';
import type { spec } from './run';

export const run: Handler<typeof spec> = async (context, words) => {
  const { flags } = words;
  if (!flags.dryRun) assertSystemd();
  const services = createServices(context);
  const placing = flags.dryRun ? PLACED_APART : askPlace(services, context.env, placeWishOf(flags));
  const request = prepareRequestOf(context, words, () => placing.place().unit);
  const startOptions = startOptionsOf(flags, context.env);
  // The bus answers while the images are looked up here. In a unit it is perhaps not needed.
  if (!flags.dryRun && placing.executedBy === undefined) services.connect();
  const prepared = await prepareIn(placing, services, request);
  const place = placing.place();
  const options = { ...startOptions, outer: place.outer?.name };
  if (flags.dryRun) return showPlan(context, services, prepared, options);
  const { pod } = prepared;
  saveUuid(pod.id, flags.uuidFileSave);
  const running = enterRun(services, prepared);
  if (place.unit !== undefined) return takeOver(context, services, running, options);
  const status = await runPod(services, running, options, interrupts);
  announce(context, pod.id, options);
  await explain(context, services, running.pod, status);
  return status;
};
