/** A pod that is prepared now and run later: kept, and read back. */
import fs from 'node:fs';
import { PodctlError } from '#kernel/errors';
import type { IsolatorReport } from '../../stage2/isolators/types';
import { fsyncPath, writeFileDurable } from '../files/durable';
import { rootOf } from '../pod/app-root';
import { launchOf, type Relaxations } from '../pod/launch';
import { MANIFEST, RECORD } from '../pod/layout';
import { readManifest } from '../pod/manifest';
import type { LockedPod } from '../pod/pods';
import { type HostUnit, type PodRecord, readRecord } from '../pod/record';
import { viewTrees } from '../pod/tree-view';
import { unitOf } from '../pod/unit';
import { volumeSpecs } from '../pod/volume-sources';
import { isolateApp, isolatePod, reportsOf, tellOfIsolators } from './isolation';
import { lifeOfPod } from './life';
import { type PreparedPod, relaxedOf } from './prepare';
import { enterPrepared } from './prepared-entry';
import type { Services } from './services';

/** Keeps a pod that preparePod() made for later. It survives a power cut when this returns; its lock is released. */
export function keepPod(services: Services, made: PreparedPod): void {
  const { pods, native } = services;
  const { pod, roots } = made;
  if (roots === 'copy') native.syncfs(pod.lockFd);
  for (const path of [`${pod.path}/${MANIFEST}`, `${pod.path}/${RECORD}`, pod.path]) fsyncPath(path);
  const prepared = pods.move(pod, 'prepared');
  pods.settle();
  fs.closeSync(prepared.lockFd);
  enterPrepared(services, made);
}

/**
 * Reads back a pod that keepPod() kept.
 * @throws PodctlError `pod-damaged`, or as launchOf() if its images no longer fit
 */
export function loadPod(services: Services, pod: LockedPod, relaxed: Relaxations): PreparedPod {
  const manifest = readManifest(pod.path);
  const record = readRecord(pod.path);
  if (manifest === undefined || record === undefined) {
    throw new PodctlError('pod-damaged', `pod ${pod.id} has no manifest or no record`);
  }
  const { effects, reports: ofPod } = isolatePod(services, manifest.isolators, relaxed);
  const reports = [...ofPod];
  const volumes = volumeSpecs(manifest.apps, manifest.volumes, services.native);
  const apps = manifest.apps.map((app) => {
    const trees = record.apps.find(({ name }) => name === app.name)?.trees ?? [];
    if (trees.length === 0)
      throw new PodctlError('pod-damaged', `pod ${pod.id} has no image tree for app "${app.name}"`);
    const isolation = isolateApp(services, app.name, app.app.isolators ?? [], effects, relaxed);
    const launch = viewTrees(trees, services.native, (view) => {
      // What is worth a warning was told when the pod was prepared.
      const root = rootOf(app, volumes, view, () => undefined);
      return launchOf(app, trees, view, relaxed, isolation, root);
    });
    reports.push(...reportsOf(isolation, launch));
    return launch;
  });
  tellOfIsolators(services, reports, false);
  keepReports(pod, record, reports, relaxed);
  const { users, roots = 'overlay' as const, logNamespace } = record;
  const unit = unitOf(pod, record);
  const settled = {
    exitPolicy: lifeOfPod(manifest, apps),
    effects,
    users,
    logNamespace,
    roots,
    unit,
    lenient: relaxed.isolators,
  };
  return { pod, name: record.name, apps, volumes: [...volumes.values()], ...settled };
}

/** What holds of the isolators is decided when the pod starts: by this host as it is now, and by this command's options. */
function keepReports(
  pod: LockedPod,
  record: PodRecord,
  reports: readonly IsolatorReport[],
  relaxed: Relaxations,
): void {
  const { reports: _, relaxed: __, ...rest } = record;
  const kept: PodRecord = { ...rest, reports, ...relaxedOf(relaxed) };
  if (
    JSON.stringify({ reports: record.reports ?? [], relaxed: record.relaxed }) ===
    JSON.stringify({ reports, relaxed: kept.relaxed })
  )
    return;
  writeFileDurable(`${pod.path}/${RECORD}`, `${JSON.stringify(kept)}\n`, 0o640);
}

/** Keeps with the pod that it runs in a unit of the user's. */
export function recordUnit(prepared: PreparedPod, unit: HostUnit): PreparedPod {
  const { path } = prepared.pod;
  writeFileDurable(`${path}/${RECORD}`, `${JSON.stringify({ ...readRecord(path), unit })}\n`, 0o640);
  return { ...prepared, unit: unit.name };
}
