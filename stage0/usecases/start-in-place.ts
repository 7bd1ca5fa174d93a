/** Starts a prepared pod in the unit that executed this process: the executor takes over, and this process is no more. */
import fs from 'node:fs';
import type { AbsPath } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { encodePlan } from '../../stage1/plan/codec';
import { planPod } from '../../stage1/plan/plan';
import type { AppSpec, HandedFiles, PodSpec, ServiceSpec } from '../../stage1/plan/spec';
import { UNRESTRICTED } from '../../stage2/isolators/devices';
import { namesIn } from '../files/names-in';
import { PLAN } from '../pod/layout';
import { readManifest } from '../pod/manifest';
import { socketsOf } from '../pod/sockets';
import { removalOf } from '../systemd/machined';
import { hasSockets, ownSockets } from '../systemd/passed-sockets';
import type { PreparedPod } from './prepare';
import { kindOfOutput, leaveRecord, type Watch } from './replay';
import type { Services } from './services';
import { makeDirectories, podSpec, type StartOptions } from './start';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Its lock and the unit's files go along. If it fails, the pod is one that has ended, and the unit failed: the executor says why in
 * the journal.
 * @param prepared its pod in `run`, with the unit in its record
 * @param watch of the start up to here, if the next one may be like it
 * @throws PodctlError `socket-unclaimed`
 */
export function startInPlace(
  services: Services,
  prepared: PreparedPod,
  options: StartOptions,
  env: Environment,
  watch: Watch | undefined,
): never {
  const { pod, name, unit } = prepared;
  requireNoLimits(services, prepared);
  const apps = withSockets(prepared, env);
  const files = handedFiles(pod.lockFd, apps, env);
  const spec = podSpec(services, { ...prepared, apps }, files, options);
  const { machine } = spec;
  const registrationHex = machine?.messagesHex ?? '';
  const messagesHex = `${removalOf(unit, name)}${registrationHex}`;
  makeDirectories(pod, spec);
  const plan = `${pod.path}/${PLAN}` as AbsPath;
  const whole: PodSpec = {
    ...spec,
    ...devicesIn(services, prepared),
    machine: machine && { ...machine, messagesHex },
    service: serviceOf(env),
  };
  const text = encodePlan(planPod(whole));
  fs.writeFileSync(plan, text, { mode: 0o600 });
  const { executor } = services;
  const variables = variablesFor(env);
  if (watch !== undefined && isUsual(env)) {
    leaveRecord(services, watch, prepared, { executor, variables, plan: text, messagesHex, registrationHex }, env);
  }
  services.pods.settle();
  services.disconnect();
  const inherited = [files.lock, ...(files.sockets ?? [])];
  return services.native.execve(executor, ['podctl-stage1', 'run', plan], variables, inherited);
}

/** Sockets and credentials are other ones each time. */
const isUsual = (env: Environment): boolean =>
  !hasSockets(env, process.pid) && env['CREDENTIALS_DIRECTORY'] === undefined && isOurWatchdog(env);

/** Apps are bounded one by one, since podctl leaves the unit as it is. */
function devicesIn({ hostFacts, warn }: Services, { unit }: PreparedPod): Pick<PodSpec, 'inPlace' | 'devices'> {
  if (hostFacts(new Set(['deviceRules'])).restrictsDevices !== false) return { inPlace: true, devices: 'restricted' };
  warn(`apps in ${unit} may use every device: ${UNRESTRICTED}`);
  return { inPlace: true, devices: 'free' };
}

/** @throws PodctlError `isolator-unenforceable` for limits of the pod as a whole: the unit's, and the user's to say */
function requireNoLimits({ warn }: Services, { effects, unit, lenient }: PreparedPod): void {
  const names = effects.flatMap((effect) => (effect.kind === 'unit' ? [`${effect.property[0]}=`] : []));
  if (names.length === 0) return;
  const why = `limits of the pod as a whole are those of ${unit}, which does not get its isolators`;
  if (!lenient)
    throw new PodctlError('isolator-unenforceable', why, { hint: `say it in the unit (${names.join(', ')})` });
  warn(why);
}

/** What the executor has to know of its unit; nothing else of the environment is its business. */
function variablesFor(env: Environment): readonly string[] {
  const kept = ['NOTIFY_SOCKET', 'CREDENTIALS_DIRECTORY', ...(isOurWatchdog(env) ? ['WATCHDOG_USEC'] : [])];
  return kept.flatMap((name) => (env[name] === undefined ? [] : [`${name}=${env[name]}`]));
}

const isOurWatchdog = ({ WATCHDOG_PID: pid }: Environment): boolean => pid === undefined || pid === String(process.pid);

function serviceOf(env: Environment): ServiceSpec {
  const { CREDENTIALS_DIRECTORY: credentials, NOTIFY_SOCKET: socket, WATCHDOG_USEC: watchdog } = env;
  return {
    credentials: credentials === undefined ? [] : namesIn(credentials).toSorted(),
    watchdogUs: socket !== undefined && /^[1-9]\d{0,15}$/.test(watchdog ?? '') ? Number(watchdog) : undefined,
  };
}

function withSockets({ apps, pod }: PreparedPod, env: Environment): readonly AppSpec[] {
  if (!hasSockets(env, process.pid)) return apps;
  const manifest = readManifest(pod.path);
  if (manifest === undefined) throw new PodctlError('pod-damaged', `pod ${pod.id} has no manifest`);
  const listeners = manifest.apps.map(({ name, app }) => ({ name, ports: app.ports ?? [] }));
  const found = socketsOf(ownSockets(env), listeners, manifest.ports);
  return apps.map((app) => {
    const sockets = found.get(app.name);
    return sockets === undefined ? app : { ...app, sockets };
  });
}

/** The journal has what apps say anyway: only where the unit's output goes elsewhere is it copied there. */
function handedFiles(lock: number, apps: readonly AppSpec[], env: Environment): HandedFiles {
  const elsewhere = (fd: number): number | undefined => (kindOfOutput(fd, env) === 'elsewhere' ? fd : undefined);
  const sockets = apps.flatMap((app) => (app.sockets ?? []).map(({ fd }) => fd));
  return { from: undefined, lock, stdout: elsewhere(1), stderr: elsewhere(2), sockets };
}
