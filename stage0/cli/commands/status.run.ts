import { PodctlError } from '#kernel/errors';
import type { Verification } from '../../image/fetch/port';
import { type AppView, appStateOf, type PodView, podStateOf, viewPod } from '../../pod/view';
import { waitForPod } from '../../usecases/wait';
import type { Handler } from '../command';
import { jsonText } from '../present';
import { createServices } from '../services';
import { explained } from './explained';
import { healthLines } from './health-view';
import { podArgument } from './pod-argument';
import { podJson } from './pod-json';
import type { spec } from './status';

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  const services = createServices(context);
  let entry = podArgument(services, args.uuid, flags.uuidFile);
  for (const [until, limit] of [
    ['ready', flags.waitReady],
    ['ended', flags.wait],
  ] as const) {
    if (limit === undefined || limit === false) continue;
    await waitForPod(services, entry, { until, timeoutMs: limit === true ? undefined : limit });
    entry = services.pods.get(entry.id) ?? entry;
  }
  const seen = viewPod(services.pods, entry);
  if (seen === undefined) throw new PodctlError('pod-not-found', `pod ${entry.id} is being removed`);
  const pod = await explained(services, entry, seen, context.uid);
  context.out.write(flags.format === '' ? `${lines(pod).join('\n')}\n` : jsonText(podJson(pod), flags.format));
  return 0;
};

/** `key=value` lines in rkt's order; apps in the order of the manifest. */
function lines(pod: PodView): readonly string[] {
  const time = (ms: number): string => new Date(ms).toISOString();
  const over = pod.state === 'exited' || pod.state === 'exited garbage';
  return [
    `state=${podStateOf(pod)}`,
    ...(pod.name === undefined ? [] : [`name=${pod.name}`]),
    `unit=${pod.unit}`,
    ...(pod.createdAt === undefined ? [] : [`created=${time(pod.createdAt)}`]),
    ...(pod.startedAt === undefined ? [] : [`started=${time(pod.startedAt)}`]),
    ...(pod.pid === undefined ? [] : [`pid=${pod.pid}`]),
    ...(pod.state === 'running' || over ? [`exited=${over}`] : []),
    ...pod.apps.flatMap(appLines),
    ...pod.isolators.map(
      ({ app, isolator, outcome, detail }) =>
        `${app === undefined ? '' : `app-${app}-`}isolator-${isolator}=${outcome}${detail === undefined ? '' : `: ${detail}`}`,
    ),
  ];
}

function appLines(app: AppView): readonly string[] {
  const { name, status, signature } = app;
  const signed = signature === undefined ? [] : [`app-${name}-signed-by=${signer(signature)}`];
  if (status === undefined) return signed;
  const { exitCode, reason = 'exit', detail, restarts, health } = status;
  const state = appStateOf(app);
  return [
    ...(state === 'restarting' || state === 'paused' ? [`app-${name}-state=${state}`] : []),
    ...(exitCode === undefined ? [] : [`app-${name}=${exitCode}`, `app-${name}-reason=${reason}`]),
    ...(detail === undefined ? [] : [`app-${name}-detail=${detail}`]),
    ...healthLines(`app-${name}-health`, health),
    ...(restarts === 0 ? [] : [`app-${name}-restarts=${restarts}`]),
    ...signed,
  ];
}

/** `FINGERPRINT at TIME (OWNER)` */
const signer = ({ fingerprint, signedAt, keyOwner = '' }: Verification): string =>
  `${fingerprint} at ${new Date(signedAt).toISOString()}${keyOwner === '' ? '' : ` (${keyOwner})`}`;
