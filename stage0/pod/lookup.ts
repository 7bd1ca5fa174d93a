/** From what a user types (UUID prefix, name, unit name) to a pod, and to an app of it. */
import type { AbsPath } from '#kernel/brand';
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

/**
 * @param wanted undefined: the only one
 * @throws PodctlError `app-not-found`
 */
export function findApp(entry: PodEntry, wanted: string | undefined): AppRecord {
  const apps = readRecord(entry.path)?.apps ?? [];
  const [only] = apps;
  const found = wanted === undefined && apps.length === 1 ? only : apps.find(({ name }) => name === wanted);
  if (found !== undefined) return found;
  const names = apps.map(({ name }) => name).join(', ');
  throw new PodctlError(
    'app-not-found',
    wanted === undefined
      ? `pod ${entry.id} has several apps: ${names}`
      : `pod ${entry.id} has no app "${wanted}", only ${names}`,
  );
}
