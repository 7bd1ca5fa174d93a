/** A running pod's cgroups, and those of its apps: what the commands that look into it, or reach into it, begin with. */
import type { AbsPath, AppName } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { appCgroup, podCgroup } from '../pod/cgroups';
import { findApp } from '../pod/lookup';
import type { PodEntry } from '../pod/pods';
import { readAppStatus, readRecord } from '../pod/record';
import { requireRunning } from './control';
import type { Services } from './services';

export interface LiveCgroup {
  readonly app: AppName;
  readonly cgroup: AbsPath;
}

/** The cgroup of the pod's unit. @throws PodctlError `pod-wrong-state` unless the pod runs and has come up so far */
export function liveCgroup(services: Pick<Services, 'pods'>, entry: PodEntry): AbsPath {
  const cgroup = podCgroup(entry);
  // Asked afterwards: only of a pod that still runs is it certain to be the cgroup.
  requireRunning(services, entry);
  if (cgroup !== undefined) return cgroup;
  throw new PodctlError('pod-wrong-state', `pod ${entry.id} has no processes yet`);
}

/**
 * Of the app that is wanted, or of all that run.
 * @throws PodctlError `pod-wrong-state`, `app-not-found`, `app-not-running`
 */
export function liveApps(
  services: Pick<Services, 'pods'>,
  entry: PodEntry,
  wanted: string | undefined,
): readonly LiveCgroup[] {
  const cgroup = liveCgroup(services, entry);
  const runs = (app: AppName): boolean => readAppStatus(entry.path, app)?.state === 'running';
  const of = (app: AppName): LiveCgroup => ({ app, cgroup: appCgroup(cgroup, app) });
  if (wanted === undefined)
    return (readRecord(entry.path)?.apps ?? [])
      .map(({ name }) => name)
      .filter(runs)
      .map(of);
  const { name } = findApp(entry, wanted);
  if (!runs(name)) throw appNotRunning(entry, name);
  return [of(name)];
}

export const appNotRunning = ({ id }: PodEntry, app: string): PodctlError =>
  new PodctlError('app-not-running', `app "${app}" of pod ${id} does not run`);
