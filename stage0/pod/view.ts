/** A pod as commands show it, gathered from its directory. */
import fs from 'node:fs';
import type { AppName, ImageId, PodId } from '#kernel/brand';
import type { IsolatorReport } from '../../stage2/isolators/types';
import type { Verification } from '../image/fetch/port';
import { type ManifestView, viewManifest } from './manifest-view';
import type { PodEntry, Pods } from './pods';
import { type AppStatus, readAppStatus, readPid, recordIfReadable } from './record';
import type { PodState } from './state';
import { unitOf } from './unit';

export interface AppView {
  readonly name: AppName;
  readonly imageId: ImageId;
  readonly imageName: string;
  /** Who had signed it when the pod was prepared. */
  readonly signature: Verification | undefined;
  readonly status: AppStatus | undefined;
  /** ms since the epoch */
  readonly createdAt: number | undefined;
}

export interface PodView {
  readonly id: PodId;
  /** `--name` or the machine's default name; undefined if preparing never got that far. */
  readonly name: string | undefined;
  /** The unit it runs in, ran in or will: its own, or one of the user's. */
  readonly unit: string;
  readonly state: PodState;
  /** ms since the epoch */
  readonly createdAt: number | undefined;
  readonly startedAt: number | undefined;
  /** Host pid of the pod's init while it runs. */
  readonly pid: number | undefined;
  readonly apps: readonly AppView[];
  /** What became of the isolators of the pod, then of its apps (appc I2). */
  readonly isolators: readonly IsolatorReport[];
  /** Read when it is asked for. */
  readonly manifest: () => ManifestView | undefined;
}

/** Undefined if the pod was removed meanwhile. */
export function viewPod(pods: Pods, entry: PodEntry): PodView | undefined {
  const state = pods.state(entry);
  if (state === undefined) return undefined;
  const record = recordIfReadable(entry.path);
  const pid = readPid(entry.path);
  return {
    id: entry.id,
    name: record?.name,
    unit: unitOf(entry, record),
    state,
    createdAt: record?.createdAt ?? fs.statSync(entry.path, { throwIfNoEntry: false })?.birthtimeMs,
    startedAt: pid?.startedAt,
    pid: state === 'running' ? pid?.pid : undefined,
    apps: (record?.apps ?? []).map((app) => ({
      name: app.name,
      imageId: app.imageId,
      imageName: app.imageName,
      signature: app.signature,
      status: readAppStatus(entry.path, app.name),
      createdAt: app.addedAt ?? record?.createdAt,
    })),
    isolators: record?.reports ?? [],
    manifest: () => viewManifest(entry.path),
  };
}

/** All pods; those that go while being looked at are left out. */
export function viewPods(pods: Pods): readonly PodView[] {
  return pods.list().flatMap((entry) => viewPod(pods, entry) ?? []);
}
