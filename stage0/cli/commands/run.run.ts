import { Witness } from '../../files/witness';
import { assertSystemd } from '../../systemd/host';
import { askPlace, PLACED_APART } from '../../usecases/place';
import type { Watch } from '../../usecases/replay';
import { enterRun, runPod } from '../../usecases/run';
import { witnessed } from '../../usecases/witnessed';
import type { Handler } from '../command';
import type { Context } from '../context';
import { createServices } from '../services';
import { interrupts } from './interrupts';
import { type PrepareWords, placeWishOf, prepareRequestOf, startOptionsOf } from './pod-request';
import { announce, explain, prepareIn, saveUuid, showPlan, takeOver } from './pod-start';
import type { spec } from './run';

export const run: Handler<typeof spec> = async (context, words) => {
  const { flags } = words;
  if (!flags.dryRun) assertSystemd();
  const watch = watchOf(context, words);
  const services = watch === undefined ? createServices(context) : witnessed(createServices(context), watch);
  const placing = flags.dryRun ? PLACED_APART : askPlace(services, context.env, placeWishOf(flags));
  const request = prepareRequestOf(context, words, () => placing.place().unit);
  const startOptions = startOptionsOf(flags, context.env);
  // The bus answers while the images are looked up here. In a unit it is perhaps not needed.
  if (!flags.dryRun && placing.executedBy === undefined) services.connect();
  const prepared = await prepareIn(placing, services, request);
  const place = placing.place();
  if (place.unit === undefined) watch?.witness.end(); // only a start in place is repeated
  const options = { ...startOptions, outer: place.outer?.name };
  if (flags.dryRun) return showPlan(context, services, prepared, options);
  const { pod } = prepared;
  saveUuid(pod.id, flags.uuidFileSave);
  const running = enterRun(services, prepared);
  if (place.unit !== undefined) return takeOver(context, services, running, options, watch);
  const status = await runPod(services, running, options, interrupts);
  announce(context, pod.id, options);
  await explain(context, services, running.pod, status);
  return status;
};

/** Watches a start by systemd that may be repeated: not one that lets apps see what is new each time, or asks what a URL gives now. */
function watchOf(
  { env, globals }: Context,
  { flags, apps }: PrepareWords & { flags: { dryRun: boolean } },
): Watch | undefined {
  if (flags.dryRun || flags.inheritEnv || env['SYSTEMD_EXEC_PID'] !== String(process.pid)) return undefined;
  const isUrl = (word: string | undefined): boolean => /^https?:/i.test(word ?? '');
  if (apps.some(({ image, flags: { signature } }) => isUrl(image) || isUrl(signature))) return undefined;
  return { witness: new Witness(), trustUntil: Infinity, isTold: globals.debug };
}
