/** The documented JSON of a pod (rkt-cli.md §1.4, with one time unit: nanoseconds since the epoch, as integers). */
import type { AppManifestView } from '../../pod/manifest-view';
import { type AppView, appStateOf, type PodView, podStateOf } from '../../pod/view';
import { healthJson } from './health-view';
import { signatureJson } from './image-view';

/** Integers beyond 2^53 would lose digits in JSON.parse of most languages; microsecond precision is what is left. */
const nanoseconds = (ms: number | undefined): number | null => (ms === undefined ? null : Math.round(ms * 1e6));

/** Of one app, or of the pod itself. */
const isolatorsJson = (pod: PodView, app: string | undefined) =>
  pod.isolators
    .filter((report) => report.app === app)
    .map(({ isolator, outcome, detail }) => ({ name: isolator, outcome, detail: detail ?? null }));

const NOTHING: AppManifestView = { mounts: [], userAnnotations: {}, userLabels: {} };

/** What the manifest says of an app, or nothing. */
const manifestJson = ({ mounts, userAnnotations, userLabels } = NOTHING) => ({
  mounts: mounts.map(({ name, containerPath, hostPath, readOnly }) => ({
    name,
    container_path: containerPath,
    host_path: hostPath ?? null,
    read_only: readOnly,
  })),
  user_annotations: userAnnotations,
  user_labels: userLabels,
});

/** The documented JSON of an app. */
export const appJson = (pod: PodView, app: AppView, manifest = pod.manifest()) => ({
  name: app.name,
  state: appStateOf(app),
  created_at: nanoseconds(app.createdAt),
  started_at: app.status?.startedAt === undefined ? null : Number(app.status.startedAt),
  finished_at: app.status?.finishedAt === undefined ? null : Number(app.status.finishedAt),
  exit_code: app.status?.exitCode ?? null,
  reason: app.status?.reason ?? null,
  detail: app.status?.detail ?? null,
  restarts: app.status?.restarts ?? 0,
  health: healthJson(app.status?.health),
  image_id: app.imageId,
  image_name: app.imageName,
  signed_by: app.signature?.fingerprint ?? null,
  signature: signatureJson(app.signature),
  isolators: isolatorsJson(pod, app.name),
  ...manifestJson(manifest?.apps.get(app.name)),
});

export function podJson(pod: PodView) {
  const manifest = pod.manifest();
  return {
    name: pod.id,
    pod_name: pod.name ?? null,
    unit: pod.unit,
    state: podStateOf(pod),
    created_at: nanoseconds(pod.createdAt),
    started_at: nanoseconds(pod.startedAt),
    pid: pod.pid ?? null,
    app_names: pod.apps.map(({ name }) => name),
    apps: pod.apps.map((app) => appJson(pod, app, manifest)),
    isolators: isolatorsJson(pod, undefined),
    user_annotations: manifest?.userAnnotations ?? {},
    user_labels: manifest?.userLabels ?? {},
  };
}
