/** What running pods and their apps use: one reading, and the next one beside it. */
import type { AbsPath, PodId } from '#kernel/brand';
import { appCgroup, podCgroup } from '../pod/cgroups';
import { machineOf } from '../pod/layout';
import type { PodEntry } from '../pod/pods';
import { readAppStatus, recordIfReadable, startedAt } from '../pod/record';
import { readUsage, type Usage } from '../pod/usage';
import type { Services } from './services';

export interface Reading {
  readonly pod: PodId;
  readonly name: string;
  /** Undefined for the pod as a whole. */
  readonly app: string | undefined;
  /** Milliseconds since the epoch, of the reading and of the start of what it is of. */
  readonly at: number;
  readonly since: number | undefined;
  readonly usage: Usage;
}

const NS_PER_MS = 1e6;

/** The pod's, then those of its apps that run; none of a pod that does not. */
export function readStats({ pods, now }: Services, entry: PodEntry): readonly Reading[] {
  const cgroup = podCgroup(entry);
  if (cgroup === undefined || pods.state(entry) !== 'running') return [];
  const record = recordIfReadable(entry.path);
  const of = (app: string | undefined, path: AbsPath, since: number | undefined): Reading => ({
    pod: entry.id,
    name: record?.name ?? machineOf(entry.id),
    app,
    at: now(),
    since,
    usage: readUsage(path),
  });
  const apps = (record?.apps ?? []).flatMap(({ name }) => {
    const status = readAppStatus(entry.path, name);
    if (status?.state !== 'running') return [];
    return [of(name, appCgroup(cgroup, name), Number(status.startedAt ?? 0n) / NS_PER_MS)];
  });
  return [of(undefined, cgroup, startedAt(entry.path)), ...apps];
}

/**
 * CPU time per time, in percent of one CPU: since the reading before, or since its start.
 * @param before the reading of the same that came before, if there is one
 */
export function cpuShare(now: Reading, before: Reading | undefined): number | undefined {
  const since = before?.at ?? now.since;
  const used = (now.usage.cpu ?? Number.NaN) - (before === undefined ? 0 : (before.usage.cpu ?? 0));
  // A share of less than a clock tick of time says nothing; an app that was started anew begins again.
  if (Number.isNaN(used) || used < 0 || since === undefined || now.at <= since) return undefined;
  return used / 10 / (now.at - since);
}
