/**
 * Which apps a running pod has: added and removed while it runs, with its manifest and record kept in step.
 *
 * The order makes every crash harmless: an app is in the record before the init knows it (so that gc keeps its image), and is
 * removed from the init before it leaves the record. What a crash leaves in the record and the init does not know was never
 * there, and goes with the next change.
 */
import fs from 'node:fs';
import type { AppName } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { writeFileDurable } from '../files/durable';
import { removeTree } from '../files/remove-tree';
import { appDirectory, MANIFEST, MEMBERS_LOCK, RECORD, STATUS } from '../pod/layout';
import { type PodManifest, readManifest } from '../pod/manifest';
import type { PodEntry } from '../pod/pods';
import { type PodRecord, readRecord } from '../pod/record';
import { listLive, removeLive, requireRunning } from './control';
import type { Services } from './services';

export interface Membership {
  readonly record: PodRecord;
  readonly manifest: PodManifest;
}

/** Runs `change` as the only one who changes the pod's apps. `lock` keeps others out as long as somebody has it open. */
export async function changeMembers<T>(
  services: Services,
  entry: PodEntry,
  change: (members: Membership, lock: number) => T | Promise<T>,
): Promise<T> {
  requireRunning(services, entry);
  const lock = fs.openSync(`${entry.path}/${MEMBERS_LOCK}`, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600);
  try {
    services.native.flock(lock, 'exclusive', true);
    return await change(reconciled(services, entry, readMembers(entry)), lock);
  } finally {
    fs.closeSync(lock);
  }
}

function readMembers(entry: PodEntry): Membership {
  const record = readRecord(entry.path);
  const manifest = readManifest(entry.path);
  if (record !== undefined && manifest !== undefined) return { record, manifest };
  throw new PodctlError('pod-damaged', `pod ${entry.id} has no manifest or no record`);
}

/** Without what an interrupted change left. */
function reconciled(services: Services, entry: PodEntry, members: Membership): Membership {
  const live = new Set(listLive(services, entry).map(({ name }) => name));
  const left = [...members.record.apps, ...members.manifest.apps]
    .map(({ name }) => name)
    .filter((one) => !live.has(one));
  return [...new Set(left)].reduce((now, name) => forget(entry, now, name), members);
}

/** Each file in one step; the record first when an app comes, last when it goes. */
export function writeMembers(entry: PodEntry, { record, manifest }: Membership, first: 'record' | 'manifest'): void {
  const record_ = (): void => writeFileDurable(`${entry.path}/${RECORD}`, `${JSON.stringify(record)}\n`, 0o640);
  const manifest_ = (): void => writeFileDurable(`${entry.path}/${MANIFEST}`, `${JSON.stringify(manifest)}\n`, 0o640);
  for (const write of first === 'record' ? [record_, manifest_] : [manifest_, record_]) write();
}

/** Removes what is left of an app that the init does not know. */
export function forget(entry: PodEntry, { record, manifest }: Membership, name: AppName): Membership {
  removeTree(appDirectory(entry.path, name));
  fs.rmSync(`${entry.path}/${STATUS}/${name}`, { force: true });
  const others = <T extends { readonly name: string }>(apps: readonly T[]): readonly T[] =>
    apps.filter((app) => app.name !== name);
  const reports = record.reports?.filter(({ app }) => app !== name);
  const members = {
    record: { ...record, apps: others(record.apps), ...(reports === undefined ? {} : { reports }) },
    manifest: { ...manifest, apps: others(manifest.apps) },
  };
  writeMembers(entry, members, 'manifest');
  return members;
}

/** @throws PodctlError `app-not-found`, `app-wrong-state` if it has not ended, `pod-wrong-state` */
export function removeApp(services: Services, entry: PodEntry, name: AppName): Promise<void> {
  return changeMembers(services, entry, (members) => {
    removeLive(services, entry, name);
    forget(entry, members, name);
  });
}
