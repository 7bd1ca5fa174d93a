import { PodctlError } from '#kernel/errors';
import { chosenApp } from '../../pod/lookup';
import { type AppView, appStateOf, viewPod } from '../../pod/view';
import type { Handler } from '../command';
import { jsonText } from '../present';
import { createServices } from '../services';
import type { spec } from './app-status';
import { explained } from './explained';
import { healthLines } from './health-view';
import { podArgument } from './pod-argument';
import { appJson } from './pod-json';

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  const services = createServices(context);
  const entry = podArgument(services, args.uuid);
  const seen = viewPod(services.pods, entry);
  if (seen === undefined) throw new PodctlError('pod-not-found', `pod ${entry.id} is being removed`);
  const pod = await explained(services, entry, seen, context.uid);
  const app = chosenApp(pod.apps, flags.app);
  context.out.write(flags.format === '' ? `${lines(app).join('\n')}\n` : jsonText(appJson(pod, app), flags.format));
  return 0;
};

const NS_PER_MS = 1_000_000n;

/** `key=value` lines in rkt's order; what has not happened yet is left out. */
function lines(app: AppView): readonly string[] {
  const { name, imageId, createdAt, status } = app;
  const time = (key: string, ms: number | undefined): readonly string[] =>
    ms === undefined ? [] : [`${key}=${new Date(ms).toISOString()}`];
  const ms = (ns: bigint | undefined): number | undefined => (ns === undefined ? undefined : Number(ns / NS_PER_MS));
  return [
    `name=${name}`,
    `state=${appStateOf(app)}`,
    `image_id=${imageId}`,
    ...healthLines('health', status?.health),
    ...time('created_at', createdAt),
    ...time('started_at', ms(status?.startedAt)),
    ...time('finished_at', ms(status?.finishedAt)),
    ...(status?.exitCode === undefined ? [] : [`exit_code=${status.exitCode}`]),
    ...(status?.reason === undefined ? [] : [`reason=${status.reason}`]),
    ...(status?.detail === undefined ? [] : [`detail=${status.detail}`]),
  ];
}
