/** From what a user types (UUID prefix, name, unit name) to a pod, and to an app of it. */
import type { AbsPath, AppName } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { podOfName } from './names';
import type { PodEntry, Pods } from './pods';
import { type AppRecord, readRecord } from './record';

/** @throws PodctlError `pod-not-found`, `pod-ambiguous`, `usage` */
export function findPod(pods: Pods, dataDir: AbsPath, reference: string): PodEntry {
  const named = podOfName(dataDir, reference);
  if (named !== undefined) {
    const entry = pods.list().find((pod) => pod.id === named);
    if (entry !== undefined) return entry;
  }
  const unit = /^podctl-([0-9a-f-]{36})(?:\.service)?$/.exec(reference);
  const prefix = unit?.[1] ?? reference;
  if (!/^[0-9a-f-]*$/.test(prefix)) throw new PodctlError('pod-not-found', `no pod is called "${reference}"`);
  return pods.find(prefix);
}

/** The app of this name, or the only one. @throws PodctlError `app-not-found` */
export function chosenApp<T extends { readonly name: AppName }>(apps: readonly T[], wanted: string | undefined): T {
  const [only] = apps;
  const found = wanted === undefined && apps.length === 1 ? only : apps.find(({ name }) => name === wanted);
  if (found !== undefined) return found;
  if (apps.length === 0) throw new PodctlError('app-not-found', 'the pod has no apps', { hint: 'podctl app add' });
  const names = apps.map(({ name }) => name).join(', ');
  throw new PodctlError(
    'app-not-found',
    wanted === undefined ? `the pod has several apps: ${names}` : `the pod has no app "${wanted}", only ${names}`,
  );
}

/** @param wanted undefined: the only one. @throws PodctlError `app-not-found` */
export const findApp = (entry: PodEntry, wanted: string | undefined): AppRecord =>
  chosenApp(readRecord(entry.path)?.apps ?? [], wanted);
