/**
 * From what a user types to a pod, and to an app of it. In this order it is taken for a name, a unit, the beginning of a UUID. A
 * name is that of the pod that took it last, and a unit of the user's that of its last run: a pod that has ended gives way to
 * one that runs.
 */
import type { AbsPath, AppName } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { podOfUnit } from '../../units/name';
import { podOfName } from './names';
import type { PodEntry, Pods } from './pods';
import { type AppRecord, readRecord, recordIfReadable } from './record';

/** More would not be read. */
const MAX_CANDIDATES = 8;

/** @throws PodctlError `pod-not-found`, `pod-ambiguous`, `usage` */
export function findPod(pods: Pods, dataDir: AbsPath, reference: string): PodEntry {
  if (reference === '') throw new PodctlError('usage', 'UUID cannot be empty');
  const named = podOfName(dataDir, reference) ?? podOfUnit(unitName(reference));
  const entry = (named && pods.get(named)) ?? podOfPrefix(pods, reference) ?? podOfHostUnit(pods, unitName(reference));
  if (entry !== undefined) return entry;
  const message = `no pod has the name, the unit or a UUID beginning with "${reference}"`;
  const hint = formerlyCalled(pods, reference);
  throw new PodctlError('pod-not-found', message, hint === undefined ? {} : { hint });
}

/** Pods that `list` shows by a name that another pod has taken since, and that is nobody's now. */
function formerlyCalled(pods: Pods, name: string): string | undefined {
  const lost = pods.list().filter(({ path }) => recordIfReadable(path)?.name === name);
  if (lost.length === 0) return undefined;
  return `another pod took the name from ${lost
    .slice(0, MAX_CANDIDATES)
    .map(({ id }) => id)
    .join(', ')}: give the UUID`;
}

const unitName = (reference: string): string => (reference.endsWith('.service') ? reference : `${reference}.service`);

function podOfPrefix(pods: Pods, prefix: string): PodEntry | undefined {
  if (!/^[0-9a-f-]+$/.test(prefix)) return undefined;
  const found = pods.beginningWith(prefix);
  if (found.length <= 1) return found[0];
  const shown = found.slice(0, MAX_CANDIDATES).map((entry) => described(pods, entry));
  const more = found.length > shown.length ? `, and ${found.length - shown.length} more` : '';
  throw new PodctlError(
    'pod-ambiguous',
    `ambiguous uuid "${prefix}", ${found.length} matches: ${shown.join(', ')}${more}`,
  );
}

function described(pods: Pods, entry: PodEntry): string {
  const name = recordIfReadable(entry.path)?.name;
  const known = name === undefined || name.endsWith(entry.id) ? '' : `${name}, `;
  return `${entry.id} (${known}${pods.state(entry) ?? 'being removed'})`;
}

/** Of the pods that ran in a unit of the user's, the one that runs, or else the last. */
function podOfHostUnit(pods: Pods, unit: string): PodEntry | undefined {
  const [last] = pods
    .list()
    .flatMap((entry) => {
      const record = recordIfReadable(entry.path);
      if (record?.unit?.name !== unit) return [];
      return [{ entry, createdAt: record.createdAt, runs: pods.state(entry) === 'running' }];
    })
    .sort((a, b) => Number(b.runs) - Number(a.runs) || b.createdAt - a.createdAt);
  return last?.entry;
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
