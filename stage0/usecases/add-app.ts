/** One more app for a running pod: its image obtained and rendered here, its mounts made and attached by `podctl-stage1 graft`. */
import fs from 'node:fs';
import { PodctlError } from '#kernel/errors';
import { encodePlan } from '../../stage1/plan/codec';
import { planGraft } from '../../stage1/plan/plan';
import type { AppSpec, VolumeSpec } from '../../stage1/plan/spec';
import { volumeDirectory } from '../../stage1/plan/volumes';
import { UNRESTRICTED } from '../../stage2/isolators/devices';
import type { Effect } from '../../stage2/isolators/types';
import { removeTree } from '../files/remove-tree';
import type { Volume } from '../image/pod-schema';
import type { Relaxations } from '../pod/launch';
import { fragmentOf } from '../pod/layout';
import type { PodEntry } from '../pod/pods';
import { parseFailure } from '../pod/record';
import { reifyVolumes } from '../pod/reify-volumes';
import { unitOf } from '../pod/unit';
import { volumeSpecs } from '../pod/volume-sources';
import { runExecutor } from './control';
import { setUpFailure } from './failure';
import { type FetchOptions, type Obtained, obtainImage } from './images';
import { isolatePod, tellOfIsolators } from './isolation';
import { changeMembers, forget, type Membership, writeMembers } from './members';
import { launchResolved, type PreparedPod, resolveApp } from './prepare';
import { withPrepareLock } from './prepare-lock';
import { copyRoots } from './roots';
import { mountedVolumes, readStartOptions } from './running';
import type { Services } from './services';
import { makeAppDirectories, makeVolumeDirectory, podSpec } from './start';
import { type AppRequest, appOfRequest } from './wanted';

export interface AddRequest {
  readonly app: AppRequest;
  /** New ones, beside those the pod has. */
  readonly volumes: readonly Volume[];
  readonly fetch: FetchOptions;
  readonly relaxed: Relaxations;
  readonly strictIsolators: boolean;
}

/** An app that fits the pod, and the pod with it. */
interface Newcomer {
  readonly launch: AppSpec;
  /** Those the pod has not mounted yet. */
  readonly volumes: readonly VolumeSpec[];
  readonly members: Membership;
  readonly effects: readonly Effect[];
}

/**
 * The app is in the pod when this returns, and not started. Whatever fails, the pod is what it was.
 * @returns the app's name
 * @throws PodctlError as preparePod(), `app-exists`, `pod-wrong-state`, `pod-failed`
 */
export async function addApp(services: Services, entry: PodEntry, request: AddRequest): Promise<string> {
  const { app } = request;
  const image = await obtainImage(services, app.image, app.signature, request.fetch);
  return withPrepareLock(services, () => addFetched(services, entry, request, image));
}

function addFetched(services: Services, entry: PodEntry, request: AddRequest, image: Obtained): Promise<string> {
  return changeMembers(services, entry, async (members, lock) => {
    const newcomer = await settle(services, entry, members, request, image);
    const { name } = newcomer.launch;
    try {
      makeDirectories(entry, newcomer);
      writeFragment(services, entry, newcomer, request.relaxed.isolators);
      writeMembers(entry, newcomer.members, 'record');
      graft(services, entry, newcomer, lock);
    } catch (error) {
      forget(entry, members, name);
      // They are the pod's only once it has them mounted.
      for (const { key } of newcomer.volumes) removeTree(volumeDirectory(entry.path, key));
      throw error;
    }
    return name;
  });
}

async function settle(
  services: Services,
  entry: PodEntry,
  members: Membership,
  request: AddRequest,
  image: Obtained,
): Promise<Newcomer> {
  const { record, manifest } = members;
  const { effects } = isolatePod(services, manifest.isolators, request.relaxed);
  const resolved = await resolveApp(services, appOfRequest(request.app, {}, []), image, request, effects);
  if (record.apps.some(({ name }) => name === resolved.record.name))
    throw new PodctlError('app-exists', `pod ${entry.id} has an app "${resolved.record.name}"`);
  tellOfIsolators(services, resolved.isolation.reports, request.strictIsolators);
  const declared = [...manifest.volumes, ...request.volumes];
  const reified = reifyVolumes([...manifest.apps, resolved.runtime], declared, services.warn);
  const runtime = reified.apps.at(-1) ?? resolved.runtime;
  const volumes = volumeSpecs([runtime], reified.volumes, services.native);
  const pod = { relaxed: request.relaxed, users: record.users ?? 'host' } as const;
  const launch = launchResolved(services, { ...resolved, runtime }, volumes, pod);
  if (launch.life.after.length > 0)
    throw new PodctlError(
      'life-invalid',
      `app "${launch.name}": it is started by hand, so it cannot start after others`,
    );
  const mounted = mountedVolumes(entry);
  const missing = [...volumes.values()].filter(({ key }) => !mounted.has(key));
  requireNothingOfUnit(launch, missing);
  const joined = {
    record: {
      ...record,
      apps: [...record.apps, { ...resolved.record, addedAt: services.now() }],
      reports: [...(record.reports ?? []), ...resolved.isolation.reports],
    },
    manifest: { ...manifest, apps: [...manifest.apps, runtime], volumes: reified.volumes },
  };
  return { launch, volumes: missing, members: joined, effects };
}

/** Devices and traffic are bounded by the pod's unit and network, which were settled when it started. */
function requireNothingOfUnit({ name, effects }: AppSpec, volumes: readonly VolumeSpec[]): void {
  const needs = effects.some(({ kind }) => kind === 'bandwidth')
    ? 'a limit of its network bandwidth'
    : effects.some(({ kind }) => kind === 'device-allow') ||
        volumes.some(({ from }) => from.kind === 'host' && from.what.kind === 'device')
      ? 'devices'
      : undefined;
  if (needs === undefined) return;
  throw new PodctlError('isolator-unenforceable', `app "${name}": a pod that runs cannot be given ${needs}`, {
    hint: 'say it when the pod is started',
  });
}

function makeDirectories(entry: PodEntry, { launch, volumes, members }: Newcomer): void {
  if (members.record.roots === 'copy') copyRoots(entry, [launch]);
  else makeAppDirectories(entry.path, launch.name);
  for (const volume of volumes) makeVolumeDirectory(entry.path, volume, [launch]);
}

function writeFragment(
  services: Services,
  entry: PodEntry,
  { launch, volumes, members, effects }: Newcomer,
  lenient: boolean,
): void {
  const { name, users, roots = 'overlay' } = members.record;
  const pod = { ...entry, lockFd: -1 };
  const prepared: PreparedPod = {
    pod,
    name,
    apps: [launch],
    volumes,
    exitPolicy: undefined,
    effects,
    users,
    logNamespace: undefined, // the pod is there already
    roots,
    unit: unitOf(entry, members.record),
    lenient,
  };
  const nothingHanded = { from: undefined, lock: -1, stdout: undefined, stderr: undefined };
  const spec = podSpec(services, prepared, nothingHanded, readStartOptions(entry));
  if (spec.devices === 'free')
    services.warn(`app "${launch.name}" may use every device that the pod may: ${UNRESTRICTED}`);
  fs.writeFileSync(fragmentOf(entry.path, launch.name), encodePlan(planGraft(spec, launch)), { mode: 0o600 });
}

/** The executor holds the lock, too: should this process be killed, nobody else comes between the graft and its end. */
function graft(services: Services, entry: PodEntry, { launch }: Newcomer, lock: number): void {
  const fragment = fragmentOf(entry.path, launch.name);
  const { status, stdout } = runExecutor(services.executor, ['graft', entry.path, fragment], lock);
  if (status !== 0) throw setUpFailure(entry.id, parseFailure(stdout));
}
