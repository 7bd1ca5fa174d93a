/** Starts a prepared pod as a systemd service, and, in the foreground, stays until it has ended. */
import fs from 'node:fs';
import type { AbsPath, AppName } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { encodePlan } from '../../stage1/plan/codec';
import { deviceAllow } from '../../stage1/plan/confinement';
import { overlayDirectories, planPod } from '../../stage1/plan/plan';
import type { AppSpec, HandedFiles, PodSpec, VolumeSpec } from '../../stage1/plan/spec';
import { volumeDeviceAllow, volumeDirectory } from '../../stage1/plan/volumes';
import { startTimeoutMs } from '../../stage2/health';
import { UNRESTRICTED } from '../../stage2/isolators/devices';
import { bandwidthOf } from '../../stage2/isolators/network';
import { requireOwnNamespaces } from '../../stage2/isolators/sysctl';
import { podProperties } from '../../units/pod';
import { property, type UnitProperty } from '../../units/properties';
import { PLAN, POD_ROOT, podPath, STATUS } from '../pod/layout';
import { type DnsOptions, type HostsOptions, nameFiles } from '../pod/name-files';
import type { PodEntry } from '../pod/pods';
import { readFailure } from '../pod/record';
import type { Bus } from '../systemd/bus';
import { journalDirectory } from '../systemd/log-namespace';
import { incomingOf, machineMessages, makeIncoming } from '../systemd/machined';
import { killUnit, stopUnit } from '../systemd/manager';
import { type JobResult, startFailure, startUnit, type UnitExit, type UnitRun } from '../systemd/unit-run';
import { setUpFailure } from './failure';
import { goOnSpeaking, type InteractionOptions, interactiveApps, isInteractive, makeLink } from './interaction';
import type { PreparedPod } from './prepare';
import { copyOfImage } from './roots';
import type { Services } from './services';

export interface StartOptions {
  /** Return once the pod is ready, leaving its output to the journal. */
  readonly detach: boolean;
  readonly network: PodSpec['network'];
  readonly ipc: PodSpec['ipc'];
  /** Undefined: the pod's name. */
  readonly hostname: string | undefined;
  readonly stopGraceMs: number;
  readonly dns: DnsOptions;
  readonly hosts: HostsOptions;
  /** The unit that executed this process, if it is not what the pod runs in: the pod ends with it. */
  readonly outer?: string | undefined;
  readonly interaction: InteractionOptions;
}

/** Interruptions of the foreground: calls the listener for each, until the returned function is called. */
export type Interrupts = (listener: (signal: NodeJS.Signals) => void) => () => void;

const SYSTEM_BUS = '/run/dbus/system_bus_socket' as AbsPath;
const SIGKILL = 9;

/** The pod as the planner wants it. */
export function podSpec(services: Services, prepared: PreparedPod, files: HandedFiles, options: StartOptions): PodSpec {
  const { pod, name, volumes, exitPolicy, effects, users, logNamespace, roots, unit, lenient } = prepared;
  const apps = interactiveApps(prepared.apps, options.interaction);
  const hostname = options.hostname ?? name;
  requireOwnNamespaces(effects, [
    ...(options.network === 'none' ? (['net'] as const) : []),
    ...(options.ipc === 'private' ? (['ipc'] as const) : []),
    'uts',
  ]);
  const all = [...effects, ...apps.flatMap((app) => app.effects)];
  const directory = podPath(services.dataDir, 'run', pod.id);
  const root = `${directory}/${POD_ROOT}` as AbsPath;
  return {
    id: pod.id,
    directory,
    unit,
    hostname,
    network: options.network,
    ipc: options.ipc,
    users,
    roots,
    stopGraceMs: options.stopGraceMs,
    files,
    machine: {
      busPath: SYSTEM_BUS,
      messagesHex: machineMessages({ name, pod: pod.id, root }),
      incoming: incomingOf(name),
    },
    journal: logNamespace === undefined ? undefined : journalDirectory(logNamespace),
    osRelease: osRelease(apps),
    names: nameFiles(hostname, options.network, options.dns, options.hosts),
    volumes,
    apps,
    exitPolicy,
    devices: devicesOf(services, prepared),
    bandwidth: bandwidthOf(all, options.network === 'host', lenient ? services.warn : undefined),
    effects,
  };
}

/** Rules of isolators have been dealt with; those of volumes, and of apps that join, come with the plan. */
function devicesOf({ hostFacts, warn }: Services, { lenient, volumes }: PreparedPod): PodSpec['devices'] {
  if (!lenient || hostFacts(new Set(['deviceRules'])).restrictsDevices !== false) return 'restricted';
  const some = volumes.some(({ from }) => from.kind === 'host' && from.what.kind === 'device');
  if (some) warn(`apps may use other devices than those of their volumes: ${UNRESTRICTED}`);
  return 'free';
}

/** Such a handler has as long as the app had to stop. */
const hasPostStop = ({ handlers }: AppSpec): boolean => handlers.some(({ event }) => event === 'post-stop');

/** What `machinectl list` shows of the pod. */
const osRelease = (apps: readonly AppSpec[]): string =>
  `ID=podctl\nNAME=podctl\nPRETTY_NAME="podctl pod: ${apps.map(({ name }) => name).join(', ')}"\n`;

/**
 * Runs a pod that is in `run`. Its lock passes to the pod's init; `release` is called once this process's share of it has
 * become superfluous.
 * @returns the exit status: that of the pod in the foreground, 0 for a pod that came up detached
 * @throws PodctlError if the pod did not start; it has then ended, and its directory is still there
 */
export async function startPod(
  services: Services,
  prepared: PreparedPod,
  options: StartOptions,
  interrupts: Interrupts,
  release: () => void,
): Promise<number> {
  const { pod, unit } = prepared;
  const own = options.detach ? undefined : { stdout: 1, stderr: 2 };
  const link = !options.detach && isInteractive(options.interaction) ? makeLink(services) : undefined;
  const spec = podSpec(
    services,
    prepared,
    { from: process.pid, lock: pod.lockFd, caller: link?.theirs, stdout: own?.stdout, stderr: own?.stderr },
    options,
  );
  const plan = `${pod.path}/${PLAN}` as AbsPath;
  const planFd = fs.openSync(plan, 'w', 0o600);
  services.native.flock(planFd, 'exclusive', false);
  const properties = [...unitProperties(services, prepared, options.stopGraceMs), ...boundTo(options)];
  const bus = services.connect();
  const run = startUnit(bus, { unit, properties });
  services.debug(`StartTransientUnit at ${process.hrtime.bigint()} ns (CLOCK_MONOTONIC)`);
  const endInterrupts = interrupts(stopThenKill(bus, unit));
  try {
    // The request leaves with the end of this turn. systemd takes longer to execute the executor than the rest takes here, and
    // the executor waits for the lock on the plan.
    await endOfTurn();
    try {
      makeDirectories(pod, spec);
      fs.writeFileSync(planFd, encodePlan(planPod(spec)));
    } finally {
      fs.closeSync(planFd);
    }
    services.pods.settle();
    const job = await run.ready;
    release();
    if (job === 'done' && options.outer !== undefined) services.notify('READY=1');
    if (job !== 'done') return endOfStart(pod, run, job);
    if (link !== undefined) return goOnSpeaking(services, pod, link, options.interaction);
    return options.detach ? 0 : exitStatus(await run.exited);
  } finally {
    endInterrupts();
  }
}

/** A detached pod outlives a unit that ends by itself, and no pod one that is stopped. */
function boundTo({ outer, detach }: StartOptions): readonly UnitProperty[] {
  return outer === undefined ? [] : [property(detach ? 'PartOf' : 'BindsTo', [outer])];
}

/** What systemd is told of a pod. @param stopGraceMs of each app */
export function unitProperties(
  { executor }: Services,
  { pod, name, apps, effects, volumes, logNamespace }: PreparedPod,
  stopGraceMs: number,
): readonly UnitProperty[] {
  return podProperties({
    pod: pod.id,
    name,
    apps: apps.map((app) => app.name),
    executor,
    plan: `${pod.path}/${PLAN}` as AbsPath,
    startTimeoutMs: startTimeoutMs(apps.map(({ life }) => life)),
    stopGraceMs: stopGraceMs * (apps.some(hasPostStop) ? 2 : 1),
    more: [
      ...effects.flatMap((effect) => (effect.kind === 'unit' ? [effect.property] : [])),
      ...deviceAllow(apps),
      ...volumeDeviceAllow({ volumes, apps }),
      ...(logNamespace === undefined ? [] : [property('LogNamespace', logNamespace)]),
    ],
  });
}

/**
 * Of a pod that did not come up.
 * @returns the status of one that was stopped meanwhile: it has ended like any pod that is stopped. @throws PodctlError why, else
 */
export async function endOfStart(pod: PodEntry, run: UnitRun, job: JobResult): Promise<number> {
  const exit = await run.exited;
  if (job === 'canceled' && exit.code !== 'never') return exitStatus(exit);
  const failure = readFailure(pod.path);
  throw failure === undefined ? startFailure(run.unit, job, exit) : setUpFailure(pod.id, failure);
}

/** What the executor mounts on, and what the apps of this start will write to. */
export function makeDirectories(pod: PodEntry, spec: PodSpec): void {
  for (const directory of [POD_ROOT, STATUS]) make(`${pod.path}/${directory}`);
  for (const { name } of spec.roots === 'overlay' ? spec.apps : []) makeAppDirectories(pod.path, name);
  if (spec.machine !== undefined) makeIncoming(spec.machine.incoming);
  for (const volume of spec.volumes) makeVolumeDirectory(pod.path, volume, spec.apps);
}

const make = (path: string): void => void fs.mkdirSync(path, { recursive: true, mode: 0o755 });

export function makeAppDirectories(podPath: string, app: AppName): void {
  const { upper, work } = overlayDirectories(podPath, app);
  make(upper);
  make(work);
  // The root directory of an overlay shows the mode of its upper directory, whatever the umask here.
  fs.chmodSync(upper, 0o755);
}

/** Nothing for a volume that is not on the pod's own disk. @param apps the first that mounts it may fill it */
export function makeVolumeDirectory(podPath: string, { key, from }: VolumeSpec, apps: readonly AppSpec[]): void {
  if (from.kind !== 'disk') return;
  const directory = volumeDirectory(podPath, key);
  const filled = apps.some(({ trees, root }) => {
    const mount = root.mounts.find(({ volume, beginsWithImage }) => volume === key && beginsWithImage === true);
    return mount !== undefined && copyOfImage(trees, mount.target, directory);
  });
  if (filled && from.mode === 0o755 && from.uid === 0 && from.gid === 0) return; // nobody asked for others than the image's
  make(directory);
  fs.chownSync(directory, from.uid, from.gid);
  fs.chmodSync(directory, from.mode);
}

const endOfTurn = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

/** A signal death is 128+n, as a shell would have it. */
const exitStatus = (exit: UnitExit): number => (exit.code === 'exited' ? exit.status : 128 + exit.status);

/** The first interruption stops the pod, any further one kills it. What goes wrong with that shows in how the pod ends. */
function stopThenKill(bus: Bus, unit: string): () => void {
  let stopping = false;
  return () => {
    const ended = stopping ? killUnit(bus, unit, SIGKILL, 'all') : stopUnit(bus, unit);
    stopping = true;
    ended.catch((error: unknown) => {
      // ignored: the pod ended by itself in this moment; every other failure is the bus's, and run.exited rejects with it
      if (!(error instanceof PodctlError)) throw error;
    });
  };
}
