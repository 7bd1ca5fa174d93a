/** From what a user types (UUID prefix, name, unit name) to a pod. */
import type { AbsPath } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { podOfName } from './names';
import type { PodEntry, Pods } from './pods';

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
