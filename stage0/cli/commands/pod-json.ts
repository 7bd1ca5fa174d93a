/** The documented JSON of a pod (rkt-cli.md §1.4, with one time unit: nanoseconds since the epoch, as integers). */
import { podUnit } from '../../../units/name';
import type { AppView, PodView } from '../../pod/view';
import { signatureJson } from './image-view';

/** Integers beyond 2^53 would lose digits in JSON.parse of most languages; microsecond precision is what is left. */
const nanoseconds = (ms: number | undefined): number | null => (ms === undefined ? null : Math.round(ms * 1e6));

/** Of one app, or of the pod itself. */
const isolatorsJson = (pod: PodView, app: string | undefined) =>
  pod.isolators
    .filter((report) => report.app === app)
    .map(({ isolator, outcome, detail }) => ({ name: isolator, outcome, detail: detail ?? null }));

/** The documented JSON of an app. */
export const appJson = (pod: PodView, app: AppView) => ({
  name: app.name,
  state: app.status?.state ?? 'created',
  created_at: nanoseconds(app.createdAt),
  started_at: app.status?.startedAt === undefined ? null : Number(app.status.startedAt),
  finished_at: app.status?.finishedAt === undefined ? null : Number(app.status.finishedAt),
  exit_code: app.status?.exitCode ?? null,
  reason: app.status?.reason ?? null,
  detail: app.status?.detail ?? null,
  restarts: app.status?.restarts ?? 0,
  image_id: app.imageId,
  image_name: app.imageName,
  signed_by: app.signature?.fingerprint ?? null,
  signature: signatureJson(app.signature),
  isolators: isolatorsJson(pod, app.name),
});

export const podJson = (pod: PodView) => ({
  name: pod.id,
  pod_name: pod.name ?? null,
  unit: podUnit(pod.id),
  state: pod.state,
  created_at: nanoseconds(pod.createdAt),
  started_at: nanoseconds(pod.startedAt),
  pid: pod.pid ?? null,
  app_names: pod.apps.map(({ name }) => name),
  apps: pod.apps.map((app) => appJson(pod, app)),
  isolators: isolatorsJson(pod, undefined),
});
