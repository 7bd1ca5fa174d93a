/**
 * Limits of a running pod, or of one of its apps, changed while it runs. They hold until the pod is removed: its manifest and its
 * plan say them from now on, too.
 */
import fs from 'node:fs';
import type { AbsPath, AppName } from '#kernel/brand';
import { isErrno, messageOf, PodctlError } from '#kernel/errors';
import { decodePlan, encodePlan } from '../../stage1/plan/codec';
import { type Op, op, type Plan } from '../../stage1/plan/op';
import type { Effect, Isolator, IsolatorReport } from '../../stage2/isolators/types';
import type { UnitProperty } from '../../units/properties';
import { writeFileDurable } from '../files/durable';
import { appCgroup, kernelText } from '../pod/cgroups';
import { fragmentOf, PLAN } from '../pod/layout';
import { findApp } from '../pod/lookup';
import { type PodManifest, readManifest } from '../pod/manifest';
import type { PodEntry } from '../pod/pods';
import { type PodRecord, readRecord } from '../pod/record';
import { unitOf } from '../pod/unit';
import { setProperties } from '../systemd/unit-properties';
import { isolateApp, isolatePod } from './isolation';
import { liveCgroup } from './live';
import { writeMembers } from './members';
import { withRecord } from './record-lock';
import type { Services } from './services';

export interface UpdateRequest {
  /** Undefined: the pod as a whole. */
  readonly app: string | undefined;
  readonly isolators: readonly Isolator[];
}

type CgroupEffect = Extract<Effect, { readonly kind: 'cgroup' }>;

const NOT_RELAXED = { capabilities: false, paths: false, seccomp: false, isolators: false };

/**
 * @throws PodctlError `isolator-invalid`, `isolator-unenforceable`, `pod-wrong-state`, `app-not-found`, `systemd-refused`
 */
export async function updateLimits(services: Services, entry: PodEntry, request: UpdateRequest): Promise<void> {
  await withRecord(services, entry, async () => {
    const cgroup = liveCgroup(services, entry);
    const record = readRecord(entry.path);
    const manifest = readManifest(entry.path);
    if (record === undefined || manifest === undefined)
      throw new PodctlError('pod-damaged', `pod ${entry.id} has no manifest or no record`);
    const known = { record, manifest };
    if (request.app === undefined) await updatePod(services, entry, known, request.isolators);
    else updateApp(services, entry, known, findApp(entry, request.app).name, request.isolators, cgroup);
  });
}

interface Known {
  readonly record: PodRecord;
  readonly manifest: PodManifest;
}

/** Those that are given take the place of those of the same name. */
const merged = (old: readonly Isolator[], given: readonly Isolator[]): readonly Isolator[] => [
  ...old.filter(({ name }) => !given.some((one) => one.name === name)),
  ...given,
];

async function updatePod(
  services: Services,
  entry: PodEntry,
  { record, manifest }: Known,
  given: readonly Isolator[],
): Promise<void> {
  const isolators = merged(manifest.isolators, given);
  const { effects, reports } = isolatePod(services, isolators, record.relaxed ?? NOT_RELAXED);
  requireEnforced(reports, given);
  const properties = effects.flatMap((effect): readonly UnitProperty[] =>
    effect.kind === 'unit' ? [effect.property] : [],
  );
  await setProperties(services.connect(), unitOf(entry, record), properties);
  const others = (record.reports ?? []).filter(({ app }) => app !== undefined);
  const changed = { record: { ...record, reports: [...reports, ...others] }, manifest: { ...manifest, isolators } };
  writeMembers(entry, changed, 'manifest');
}

function updateApp(
  services: Services,
  entry: PodEntry,
  { record, manifest }: Known,
  name: AppName,
  given: readonly Isolator[],
  pod: AbsPath,
): void {
  const relaxed = record.relaxed ?? NOT_RELAXED;
  const own = manifest.apps.find((app) => app.name === name);
  if (own === undefined) throw new PodctlError('app-not-found', `the pod has no app "${name}"`);
  const isolators = merged(own.app.isolators ?? [], given);
  const bounds = isolatePod(services, manifest.isolators, relaxed).effects;
  // The filter of its system calls stays as it is.
  const { effects, reports } = isolateApp(services, name, isolators, bounds, { ...relaxed, seccomp: true });
  requireEnforced(reports, given);
  const limits = effects.filter((effect): effect is CgroupEffect => effect.kind === 'cgroup');
  apply(pod, name, limits);
  const old = record.reports ?? [];
  const isGiven = (isolator: string): boolean => given.some((one) => one.name === isolator);
  const kept = old.filter(({ app, isolator }) => app !== name || !isGiven(isolator));
  const apps = manifest.apps.map((app) => (app.name === name ? { ...app, app: { ...app.app, isolators } } : app));
  const told = reports.filter(({ isolator }) => isGiven(isolator));
  writeMembers(
    entry,
    { record: { ...record, reports: [...kept, ...told] }, manifest: { ...manifest, apps } },
    'manifest',
  );
  keepInPlan(entry, name, limits);
}

function requireEnforced(reports: readonly IsolatorReport[], given: readonly Isolator[]): void {
  const ignored = reports.find(
    ({ isolator, outcome }) => outcome === 'ignored' && given.some(({ name }) => name === isolator),
  );
  if (ignored === undefined) return;
  throw new PodctlError('isolator-unenforceable', `${ignored.isolator}: ${ignored.detail ?? 'ignored'}`);
}

/** @throws PodctlError `isolator-unenforceable` */
function apply(pod: AbsPath, name: AppName, limits: readonly CgroupEffect[]): void {
  for (const controller of new Set(limits.map((limit) => limit.controller))) enable(pod, controller);
  for (const { file, value } of limits) {
    try {
      fs.writeFileSync(`${appCgroup(pod, name)}/${file}`, value, { flag: 'r+' });
    } catch (cause) {
      const gone = isErrno(cause, 'ENOENT', 'ENODEV') && !fs.existsSync(appCgroup(pod, name));
      if (gone) throw new PodctlError('app-not-running', `app "${name}" has never run`, { cause });
      throw new PodctlError('isolator-unenforceable', `${file} = ${value}: ${messageOf(cause)}`, { cause });
    }
  }
}

/** An app's cgroup has the controllers that limits were set of when the pod was started; further ones join on demand. */
function enable(pod: AbsPath, controller: string): void {
  for (const cgroup of [pod, `${pod}/apps`]) {
    const enabled = (kernelText(`${cgroup}/cgroup.subtree_control`) ?? '').trim().split(' ');
    if (enabled.includes(controller)) continue;
    try {
      fs.writeFileSync(`${cgroup}/cgroup.subtree_control`, `+${controller}`, { flag: 'r+' });
    } catch (cause) {
      const message = `the host gives the pod no cgroup controller "${controller}": ${messageOf(cause)}`;
      throw new PodctlError('isolator-unenforceable', message, { cause });
    }
  }
}

/** For the next start of the pod; an app that has joined it has a fragment of its own, and no next start. */
function keepInPlan(entry: PodEntry, name: AppName, limits: readonly CgroupEffect[]): void {
  if (fs.existsSync(fragmentOf(entry.path, name))) return;
  const path = `${entry.path}/${PLAN}`;
  writeFileDurable(path, encodePlan(withLimits(decodePlan(fs.readFileSync(path, 'utf8')), name, limits)), 0o600);
}

/** Pure: the app's section with these limits, those of the same files gone. */
export function withLimits(plan: Plan, name: string, limits: readonly CgroupEffect[]): Plan {
  const files = new Set(limits.map(({ file }) => file));
  const start = plan.findIndex((one) => one.name === 'app' && one.args[0] === name);
  const anchor = plan[start + 1]?.name === 'log' ? 'log' : 'app';
  let current = '';
  return plan.flatMap((one): readonly Op[] => {
    if (one.name === 'app') current = one.args[0] ?? '';
    if (current !== name) return [one];
    if (one.name === 'cgroup') return files.has(one.args[0] ?? '') ? [] : [one];
    return one.name === anchor ? [one, ...limits.map(({ file, value }) => op('cgroup', file, value))] : [one];
  });
}
