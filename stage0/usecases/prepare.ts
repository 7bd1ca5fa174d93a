/** From images and options to a pod in its directory, locked, with everything written that running it needs. */
import fs from 'node:fs';
import type { AppName } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import type { AppSpec, PodSpec, UserRange, VolumeSpec } from '../../stage1/plan/spec';
import type { Isolation } from '../../stage2/isolators/plan';
import type { Effect, Isolator, IsolatorReport } from '../../stage2/isolators/types';
import type { ExitPolicy } from '../../stage2/life';
import { requirePlatform } from '../image/platform';
import type { DeclaredPod } from '../image/pod-manifest';
import type { Mount, Volume } from '../image/pod-schema';
import { rootOf } from '../pod/app-root';
import { launchOf, type Relaxations } from '../pod/launch';
import { MANIFEST, machineOf, RECORD } from '../pod/layout';
import { type PodFacts, type PodManifest, podManifest, type RuntimeApp } from '../pod/manifest';
import type { LockedPod } from '../pod/pods';
import type { AppRecord, HostUnit, PodRecord } from '../pod/record';
import { reifyVolumes } from '../pod/reify-volumes';
import { viewTrees } from '../pod/tree-view';
import { unitOf } from '../pod/unit';
import { assignUsers, countOf, requireWithin, type WantedUsers } from '../pod/users';
import { volumeSpecs } from '../pod/volume-sources';
import { ensureTrees } from '../render/ensure-tree';
import type { StoredImage } from '../store/cas';
import { chosenLogNamespace, logNamespaceName } from '../systemd/log-namespace';
import { machineName } from '../systemd/machined';
import { claimNameOf } from './claim-name';
import { discard } from './garbage';
import { type FetchOptions, type Obtained, obtainImage, unlessRemoved } from './images';
import { isolateApp, isolatePod, reportsOf, tellOfIsolators } from './isolation';
import { lifeOfPod, podFacts, withImageLife } from './life';
import { withPrepareLock } from './prepare-lock';
import { copyRoots } from './roots';
import type { Services } from './services';
import { type AppRequest, appOfManifest, appOfRequest, type SharedEnvironment, type WantedApp } from './wanted';

export interface PrepareRequest {
  readonly name: string | undefined;
  readonly apps: readonly AppRequest[];
  /** `--pod-manifest`, instead of `apps` and what else a manifest could say. */
  readonly manifest: DeclaredPod | undefined;
  /** What the pod's manifest says beside its apps, without `manifest`. */
  readonly facts: PodFacts;
  /** What every app of the pod gets. */
  readonly environment: SharedEnvironment;
  /** `--volume`, and `--mount` for every app. */
  readonly volumes: readonly Volume[];
  readonly mounts: readonly Mount[];
  /** How images are found and judged. */
  readonly fetch: FetchOptions;
  readonly relaxed: Relaxations;
  /** `--exit-policy` as written; a manifest says it by annotation. */
  readonly exitPolicy: string | undefined;
  /** Isolators of the pod as a whole, beside those of a manifest. */
  readonly isolators: readonly Isolator[];
  /** Whether an isolator that is not enforced as it stands is an error (appc I3). */
  readonly strictIsolators: boolean;
  /** `--private-users` */
  readonly users: WantedUsers;
  /** `--log-namespace`; `auto` is the pod's own. */
  readonly logNamespace: string | undefined;
  /** `--no-overlay` makes copies. */
  readonly roots: PodSpec['roots'];
  /** Says which unit of the user's the pod is to run in, in place. Waits for systemd, so it is asked late. */
  unit(): HostUnit | undefined;
}

/** An app whose image is there and rendered. */
export interface ResolvedApp {
  readonly runtime: RuntimeApp;
  readonly record: AppRecord;
  readonly isolation: Isolation;
}

/** A pod with all that is needed to run it: made just now, or read back. */
export interface PreparedPod {
  readonly pod: LockedPod;
  /** `--name`, or the default machine name. */
  readonly name: string;
  readonly apps: readonly AppSpec[];
  readonly volumes: readonly VolumeSpec[];
  readonly exitPolicy: ExitPolicy | undefined;
  /** What the pod's own isolators come down to. */
  readonly effects: readonly Effect[];
  readonly users: UserRange | undefined;
  /** Where its lines go instead of the host's journal. */
  readonly logNamespace: string | undefined;
  readonly roots: PodSpec['roots'];
  /** What it runs as: its own unit, or the user's. */
  readonly unit: string;
  /** Limits that cannot be enforced are left out (`--insecure-options=isolators`). */
  readonly lenient: boolean;
}

/**
 * Prepares a pod; it is left in `prepare`, locked. Everything that can be refused is refused before its directory exists.
 * @throws PodctlError from fetching, verifying, rendering, and launchOf()
 */
export async function preparePod(services: Services, request: PrepareRequest): Promise<PreparedPod> {
  const wanted = wantedApps(request);
  if (wanted.length === 0 && request.exitPolicy !== 'stop')
    throw new PodctlError('usage', 'must provide at least one image');
  if (request.name !== undefined) machineName(request.name);
  if (request.logNamespace !== undefined) logNamespaceName(request.logNamespace);
  const isolators = request.manifest?.isolators ?? request.isolators;
  const { effects, reports: ofPod } = isolatePod(services, isolators, request.relaxed);
  const images = await obtainAll(services, wanted, request);
  const unit = request.unit();
  return withPrepareLock(services, async () => {
    const apps: ResolvedApp[] = [];
    for (const [index, app] of wanted.entries())
      apps.push(await resolveApp(services, app, images[index], request, effects));
    return makePod(services, request, { apps, isolators, effects, ofPod, unit });
  });
}

/** systemd answers while images are looked at. Where one has to be fetched, a unit that does not fit is refused at once. */
async function obtainAll(
  services: Services,
  wanted: readonly WantedApp[],
  { fetch, unit }: PrepareRequest,
): Promise<readonly Obtained[]> {
  const images: Obtained[] = [];
  const obtaining = (async () => {
    for (const { image, signature } of wanted) images.push(await obtainImage(services, image, signature, fetch));
  })();
  const laterTurn = new Promise<void>((resolve) => void setImmediate(resolve));
  await Promise.race([obtaining, laterTurn.then(unit)]);
  await obtaining;
  return images;
}

interface Settled {
  readonly unit: HostUnit | undefined;
  readonly apps: readonly ResolvedApp[];
  readonly isolators: readonly Isolator[];
  readonly effects: readonly Effect[];
  readonly ofPod: readonly IsolatorReport[];
}

function makePod(
  services: Services,
  request: PrepareRequest,
  { apps, isolators, effects, ofPod, unit: host }: Settled,
): PreparedPod {
  requireUniqueNames(apps);
  const { apps: runtimes, volumes: declared } = reifyVolumes(
    apps.map(({ runtime }) => runtime),
    request.manifest?.volumes ?? request.volumes,
    services.warn,
  );
  const facts = { ...podFacts(request, runtimes, isolators), volumes: declared };
  const volumes = volumeSpecs(runtimes, declared, services.native);
  const launches = apps.map((app, index) => {
    const runtime = runtimes[index];
    if (runtime === undefined) throw new PodctlError('internal', 'an app was lost');
    return launchResolved(services, { ...app, runtime }, volumes, request);
  });
  const reports = [...ofPod, ...apps.flatMap(({ isolation }, index) => reportsOf(isolation, launches[index]))];
  tellOfIsolators(services, reports, request.strictIsolators);
  const exitPolicy = lifeOfPod(facts, launches);
  const embryo = services.pods.create();
  let name = machineOf(embryo.id);
  try {
    if (request.name !== undefined || host !== undefined) name = claimNameOf(services, request.name, host, embryo.id);
    const pod = services.pods.move(embryo, 'prepare');
    const logNamespace = chosenLogNamespace(request.logNamespace, machineOf(pod.id), host?.name);
    const record = {
      version: 1,
      name,
      createdAt: services.now(),
      apps: apps.map((app) => app.record),
      reports,
      ...(request.roots === 'copy' ? { roots: request.roots } : {}),
      ...relaxedOf(request.relaxed),
      ...(host === undefined ? {} : { unit: host }),
      ...(logNamespace === undefined ? {} : { logNamespace }),
    } as const;
    if (request.roots === 'copy') copyRoots(pod, launches);
    const users = assignUsers(services, request.users, pod.id, (range) =>
      writePod(pod, podManifest(runtimes, facts), { ...record, ...(range === undefined ? {} : { users: range }) }),
    );
    const unit = unitOf(pod, record);
    const settled = {
      exitPolicy,
      effects,
      users,
      logNamespace,
      roots: request.roots,
      unit,
      lenient: request.relaxed.isolators,
    };
    return { pod, name, apps: launches, volumes: [...volumes.values()], ...settled };
  } catch (error) {
    const [left] = services.pods.list().filter(({ id }) => id === embryo.id);
    if (left !== undefined) discard(services, { ...left, lockFd: embryo.lockFd });
    throw error;
  }
}

const wantedApps = ({ manifest, apps, environment, mounts }: PrepareRequest): readonly WantedApp[] =>
  manifest === undefined ? apps.map((app) => appOfRequest(app, environment, mounts)) : manifest.apps.map(appOfManifest);

/**
 * Under the prepare lock, which is not held while images are fetched: that takes long.
 * @param obtained its image, fetched again if it was removed since, or not given
 * @param bounds effects of the pod's isolators
 * @throws PodctlError as preparePod()
 */
export function resolveApp(
  services: Services,
  wanted: WantedApp,
  obtained: Obtained | undefined,
  pod: Pick<PrepareRequest, 'fetch' | 'relaxed'>,
  bounds: readonly Effect[],
): Promise<ResolvedApp> {
  let found = obtained !== undefined && isThere(services, obtained) ? obtained : undefined;
  return unlessRemoved(async () => {
    const image = found ?? (await obtainImage(services, wanted.image, wanted.signature, pod.fetch));
    found = undefined; // the next try looks for it anew
    return resolveObtained(services, wanted, image, pod, bounds);
  });
}

async function resolveObtained(
  services: Services,
  wanted: WantedApp,
  { image, manifest, pins }: Obtained,
  pod: Pick<PrepareRequest, 'relaxed'>,
  bounds: readonly Effect[],
): Promise<ResolvedApp> {
  requirePlatform(image);
  const reference = { id: image.id, name: manifest.name, labels: image.labels };
  const runtime = withImageLife(wanted.reify(reference, manifest), manifest);
  const { name } = runtime;
  const isolation = isolateApp(services, name, runtime.app.isolators ?? [], bounds, pod.relaxed);
  const trees = await ensureTrees(services, image.id, manifest, pins);
  const record = { name, imageId: image.id, imageName: manifest.name, trees, ...signedBy(image) };
  return { runtime, record, isolation };
}

/** Kept with the pod: the image may be gone before it. */
const signedBy = ({ verification }: StoredImage): Pick<AppRecord, 'signature'> =>
  verification === undefined ? {} : { signature: verification };

const isThere = ({ images }: Services, { image, pins }: Obtained): boolean =>
  [image.id, ...pins.values()].every((id) => images.has(id));

/** How an app will be launched, once its volumes are settled. @throws PodctlError as launchOf(), rootOf() */
export function launchResolved(
  services: Services,
  { runtime, record: { trees }, isolation }: ResolvedApp,
  volumes: ReadonlyMap<string, VolumeSpec>,
  pod: Pick<PrepareRequest, 'relaxed' | 'users'>,
): AppSpec {
  const launch = viewTrees(trees, services.native, (view) => {
    const root = rootOf(runtime, volumes, view, services.warn);
    return launchOf(runtime, trees, view, pod.relaxed, isolation, root);
  });
  requireWithin(runtime.name, countOf(pod.users), launch.identity);
  return launch;
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

/** What a pod remembers of it, so that it can be started again as it was. */
export const relaxedOf = (relaxed: Relaxations): Pick<PodRecord, 'relaxed'> =>
  Object.values(relaxed).includes(true) ? { relaxed } : {};

function writePod(pod: LockedPod, manifest: PodManifest, record: PodRecord): void {
  // Plain writes: nobody takes a pod for prepared before keepPod() has made it so.
  const write = (file: string, value: unknown) =>
    fs.writeFileSync(`${pod.path}/${file}`, `${JSON.stringify(value)}\n`, { flag: 'wx', mode: 0o640 });
  write(MANIFEST, manifest);
  write(RECORD, record);
}
