/** A pod as commands show it, gathered from its directory. */
import fs from 'node:fs';
import type { AbsPath, AppName, ImageId, PodId } from '#kernel/brand';
import type { IsolatorReport } from '../../stage2/isolators/types';
import type { Verification } from '../image/fetch/port';
import { appCgroup, isFrozen, podCgroup } from './cgroups';
import { type ManifestView, viewManifest } from './manifest-view';
import type { PodEntry, Pods } from './pods';
import { type AppRecord, type AppStatus, readAppStatus, readPid, recordIfReadable, startedAt } from './record';
import type { PodState } from './state';
import { unitOf } from './unit';

export interface AppView {
  readonly name: AppName;
  readonly imageId: ImageId;
  readonly imageName: string;
  /** Who had signed it when the pod was prepared. */
  readonly signature: Verification | undefined;
  /** Read when it is asked for. */
  readonly status: AppStatus | undefined;
  /** It runs, and the freezer holds its processes, or those of the whole pod. Found out when it is asked for. */
  readonly isPaused: boolean;
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
  /** It runs, and the freezer holds all of it. */
  readonly isPaused: boolean;
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
  const cgroup = state === 'running' ? podCgroup(entry) : undefined;
  return {
    id: entry.id,
    name: record?.name,
    unit: unitOf(entry, record),
    state,
    isPaused: cgroup !== undefined && isFrozen(cgroup),
    createdAt: record?.createdAt ?? fs.statSync(entry.path, { throwIfNoEntry: false })?.birthtimeMs,
    startedAt: startedAt(entry.path),
    pid: state === 'running' ? readPid(entry.path) : undefined,
    apps: (record?.apps ?? []).map((app) => new SeenApp(entry.path, app, cgroup, record?.createdAt)),
    isolators: record?.reports ?? [],
    manifest: () => viewManifest(entry.path),
  };
}

/** `list` shows a thousand pods without ever looking at their apps' statuses. */
class SeenApp implements AppView {
  readonly name: AppName;
  readonly imageId: ImageId;
  readonly imageName: string;
  readonly signature: Verification | undefined;
  readonly createdAt: number | undefined;
  readonly #pod: AbsPath;
  readonly #cgroup: AbsPath | undefined;
  #status: { readonly seen: AppStatus | undefined } | undefined;

  constructor(pod: AbsPath, app: AppRecord, cgroup: AbsPath | undefined, createdAt: number | undefined) {
    this.name = app.name;
    this.imageId = app.imageId;
    this.imageName = app.imageName;
    this.signature = app.signature;
    this.createdAt = app.addedAt ?? createdAt;
    this.#pod = pod;
    this.#cgroup = cgroup;
  }

  get status(): AppStatus | undefined {
    this.#status ??= { seen: readAppStatus(this.#pod, this.name) };
    return this.#status.seen;
  }

  get isPaused(): boolean {
    return (
      this.#cgroup !== undefined && this.status?.state === 'running' && isFrozen(appCgroup(this.#cgroup, this.name))
    );
  }
}

/** The state as people are told it: a paused pod runs, and does nothing. */
export const podStateOf = ({ state, isPaused }: PodView): PodState | 'paused' => (isPaused ? 'paused' : state);

/** The same of an app. */
export const appStateOf = ({ status, isPaused }: AppView): AppStatus['state'] | 'created' | 'paused' =>
  isPaused ? 'paused' : (status?.state ?? 'created');

/** All pods; those that go while being looked at are left out. */
export function viewPods(pods: Pods): readonly PodView[] {
  return pods.list().flatMap((entry) => viewPod(pods, entry) ?? []);
}
