import { PodctlError } from '#kernel/errors';
import { assertSystemd } from '../../systemd/host';
import { askPlace, PLACED_APART } from '../../usecases/place';
import { withPrepareLock } from '../../usecases/prepare-lock';
import { loadPod, recordUnit } from '../../usecases/prepared';
import { enterRun, runPod } from '../../usecases/run';
import type { Handler } from '../command';
import { createServices } from '../services';
import { interrupts } from './interrupts';
import { podArgument } from './pod-argument';
import { placeWishOf, relaxationsOf, startOptionsOf } from './pod-request';
import { announce, explain, saveUuid, showPlan, takeOver } from './pod-start';
import type { spec } from './run-prepared';

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  if (!flags.dryRun) assertSystemd();
  const services = createServices(context);
  const place = (flags.dryRun ? PLACED_APART : askPlace(services, context.env, placeWishOf(flags))).place();
  const options = { ...startOptionsOf(flags, context.env), outer: place.outer?.name };
  const entry = podArgument(services, args.uuid);
  const state = services.pods.state(entry);
  const pod = state === 'prepared' ? services.pods.lock(entry) : undefined;
  if (pod === undefined) {
    throw new PodctlError(
      'pod-wrong-state',
      `pod ${entry.id} is ${state ?? 'being run by someone else'}, not prepared`,
    );
  }
  // What it is about to run on is neither replaced nor taken away between the first look at it and the move to `run`.
  const running = await withPrepareLock(services, async () => {
    const prepared = loadPod(services, pod, relaxationsOf(context.globals));
    if (flags.dryRun) return showPlan(context, services, prepared, options);
    saveUuid(pod.id, flags.uuidFileSave);
    return enterRun(services, place.unit === undefined ? prepared : recordUnit(prepared, place.unit));
  });
  if (typeof running === 'number') return running;
  if (place.unit !== undefined) return takeOver(context, services, running, options);
  const status = await runPod(services, running, options, interrupts);
  announce(context, pod.id, options);
  await explain(context, services, running.pod, status);
  return status;
};
