/** From images and options to a pod in its directory, locked, with everything written that running it needs. */
import fs from 'node:fs';
import type { AppName } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import type { AppSpec } from '../../stage1/plan/spec';
import { fsyncPath } from '../files/durable';
import { fitsPlatform, hostPlatform } from '../image/platform';
import type { DeclaredPod } from '../image/pod-manifest';
import { launchOf, type Relaxations } from '../pod/launch';
import { MANIFEST, machineOf, RECORD } from '../pod/layout';
import { type PodFacts, podManifest, type RuntimeApp, readManifest } from '../pod/manifest';
import { claimName } from '../pod/names';
import type { LockedPod } from '../pod/pods';
import { type AppRecord, type PodRecord, readRecord } from '../pod/record';
import { TreeView } from '../pod/tree-view';
import { ensureTree } from '../render/ensure-tree';
import type { StoredImage } from '../store/cas';
import { machineName } from '../systemd/machined';
import { discard } from './garbage';
import { type FetchPolicy, obtainImage } from './images';
import type { Services } from './services';
import {
  type AppRequest,
  appOfManifest,
  appOfRequest,
  factsOf,
  type SharedEnvironment,
  type WantedApp,
} from './wanted';

export interface PrepareRequest {
  readonly name: string | undefined;
  readonly apps: readonly AppRequest[];
  /** `--pod-manifest`, instead of `apps` and what else a manifest could say. */
  readonly manifest: DeclaredPod | undefined;
  /** What every app of the pod gets. */
  readonly environment: SharedEnvironment;
  readonly policy: FetchPolicy;
  readonly relaxed: Relaxations;
}

interface ResolvedApp {
  readonly runtime: RuntimeApp;
  readonly record: AppRecord;
  readonly launch: AppSpec;
}

/** A pod with all that is needed to run it: made just now, or read back. */
export interface PreparedPod {
  readonly pod: LockedPod;
  /** `--name`, or the default machine name. */
  readonly name: string;
  readonly apps: readonly AppSpec[];
}

/**
 * Prepares a pod; it is left in `prepare`, locked. Everything that can be refused is refused before its directory exists.
 * @throws PodctlError from fetching, verifying, rendering, and launchOf()
 */
export async function preparePod(services: Services, request: PrepareRequest): Promise<PreparedPod> {
  const wanted = wantedApps(request);
  if (wanted.length === 0) throw new PodctlError('usage', 'must provide at least one image');
  if (request.name !== undefined) machineName(request.name);
  const apps: ResolvedApp[] = [];
  for (const app of wanted) apps.push(await resolveApp(services, app, request));
  requireUniqueNames(apps);
  const facts = factsOf(
    request.manifest,
    apps.map(({ runtime }) => runtime),
  );
  const embryo = services.pods.create();
  const name = request.name ?? machineOf(embryo.id);
  try {
    if (request.name !== undefined) claimPodName(services, request.name, embryo);
    const pod = services.pods.move(embryo, 'prepare');
    writePod(services, pod, name, apps, facts);
    return { pod, name, apps: apps.map(({ launch }) => launch) };
  } catch (error) {
    const [left] = services.pods.list().filter(({ id }) => id === embryo.id);
    if (left !== undefined) discard(services, { ...left, lockFd: embryo.lockFd });
    throw error;
  }
}

const wantedApps = ({ manifest, apps, environment }: PrepareRequest): readonly WantedApp[] =>
  manifest === undefined ? apps.map((app) => appOfRequest(app, environment)) : manifest.apps.map(appOfManifest);

async function resolveApp(services: Services, wanted: WantedApp, pod: PrepareRequest): Promise<ResolvedApp> {
  const image = await obtainImage(services, wanted.image, wanted.signature, pod.policy);
  requirePlatform(image);
  const manifest = services.images.manifest(image.id);
  const runtime = wanted.reify({ id: image.id, name: manifest.name, labels: image.labels }, manifest);
  const { name } = runtime;
  warnOfIgnored(services, runtime);
  const tree = await ensureTree(services, image.id, manifest);
  const launch = launchOf(runtime, [tree], new TreeView(tree, services.native), pod.relaxed);
  return { runtime, record: { name, imageId: image.id, imageName: manifest.name, trees: [tree] }, launch };
}

/** What a manifest asks for and does not get is told (appc I2). */
function warnOfIgnored({ warn }: Services, { name, app }: RuntimeApp): void {
  const ignored = [
    ...(app.isolators ?? []).map((isolator) => `isolator ${isolator.name}`),
    ...(app.eventHandlers ?? []).map((handler) => `event handler ${handler.name}`),
    ...(app.mountPoints ?? []).map((mountPoint) => `mount point ${mountPoint.name}`),
  ];
  if (ignored.length > 0) warn(`app "${name}": not supported yet, ignored: ${ignored.join(', ')}`);
}

/** Refused before anything is rendered (appc B6). */
function requirePlatform({ name, labels }: StoredImage): void {
  const host = hostPlatform();
  if (fitsPlatform(labels, host)) return;
  const label = (wanted: string): string => labels.find((one) => one.name === wanted)?.value ?? 'any';
  throw new PodctlError(
    'image-unfit',
    `image "${name}" is for ${label('os')}/${label('arch')}, this host is ${host.os}/${host.arch}`,
  );
}

function requireUniqueNames(apps: readonly ResolvedApp[]): void {
  const seen = new Set<AppName>();
  for (const { runtime } of apps) {
    if (seen.has(runtime.name)) {
      throw new PodctlError('usage', `two apps of the pod are called "${runtime.name}"`, {
        hint: 'give one another --name',
      });
    }
    seen.add(runtime.name);
  }
}

/** A name is free once the pod that had it is over. */
function claimPodName({ dataDir, pods }: Services, name: string, pod: LockedPod): void {
  claimName(dataDir, name, pod.id, (holder) => {
    const entry = pods.list().find(({ id }) => id === holder);
    const state = entry && pods.state(entry);
    return state === undefined || !['embryo', 'preparing', 'prepared', 'running'].includes(state);
  });
}

function writePod(
  { now }: Services,
  pod: LockedPod,
  name: string,
  apps: readonly ResolvedApp[],
  facts: PodFacts,
): void {
  const record: PodRecord = { version: 1, name, createdAt: now(), apps: apps.map((app) => app.record) };
  // Plain writes: nobody takes a pod for prepared before keepPod() has made it so.
  const write = (file: string, value: unknown) =>
    fs.writeFileSync(`${pod.path}/${file}`, `${JSON.stringify(value)}\n`, { flag: 'wx', mode: 0o640 });
  write(
    MANIFEST,
    podManifest(
      apps.map(({ runtime }) => runtime),
      facts,
    ),
  );
  write(RECORD, record);
}

/** Keeps a pod that preparePod() made for later. It survives a power cut when this returns; its lock is released. */
export function keepPod({ pods }: Services, { pod }: PreparedPod): void {
  for (const path of [`${pod.path}/${MANIFEST}`, `${pod.path}/${RECORD}`, pod.path]) fsyncPath(path);
  const prepared = pods.move(pod, 'prepared');
  pods.settle();
  fs.closeSync(prepared.lockFd);
}

/**
 * Reads back a pod that keepPod() kept.
 * @throws PodctlError `pod-damaged`, or as launchOf() if its images no longer fit
 */
export function loadPod({ native }: Services, pod: LockedPod, relaxed: Relaxations): PreparedPod {
  const manifest = readManifest(pod.path);
  const record = readRecord(pod.path);
  if (manifest === undefined || record === undefined) {
    throw new PodctlError('pod-damaged', `pod ${pod.id} has no manifest or no record`);
  }
  const apps = manifest.apps.map((app) => {
    const trees = record.apps.find(({ name }) => name === app.name)?.trees ?? [];
    const [top] = trees;
    if (top === undefined)
      throw new PodctlError('pod-damaged', `pod ${pod.id} has no image tree for app "${app.name}"`);
    return launchOf(app, trees, new TreeView(top, native), relaxed);
  });
  return { pod, name: record.name, apps };
}
