/**
 * How an app lives beside its program: restarts, order, readiness, health, stop signal; and when its pod ends. Said by annotations of the
 * pod manifest, whoever wrote it, so that a prepared pod keeps them and `--pod-manifest` can have them. Flags become annotations.
 */
import { PodctlError } from '#kernel/errors';
import { parseDuration } from '#kernel/quantity';
import { type Health, healthOf } from './health';
import { signalNumber } from './signals';

/** Names of the annotations: of an app, the last one of the pod. */
export const RESTART = 'podctl/restart';
export const RESTART_DELAY = 'podctl/restart-delay';
export const AFTER = 'podctl/after';
export const READY = 'podctl/ready';
export const STOP_SIGNAL = 'podctl/stop-signal';
export const RELOAD_SIGNAL = 'podctl/reload-signal';
export const EXIT_POLICY = 'podctl/exit-policy';

/** What an image says to be asked for its readiness (appc B21): "true" or "false". */
export const SUPPORTS_NOTIFY = 'appc.io/executor/supports-systemd-notify';

export const RESTART_POLICIES = ['never', 'on-failure', 'always'] as const;

export const READINESSES = ['exec', 'notify', 'healthy'] as const;

export interface Restart {
  /** `on-unhealthy`: only as what is done about an unhealthy app. */
  readonly policy: (typeof RESTART_POLICIES)[number] | 'on-unhealthy';
  /** Milliseconds before the first restart in a row; each further one waits twice as long, up to `longestMs`. */
  readonly delayMs: number;
  /** An app that has run longer than this begins a new row. */
  readonly longestMs: number;
  /** Restarts in a row; 0: no limit. */
  readonly limit: number;
}

export interface Life {
  readonly restart: Restart | undefined;
  /** Apps that must be ready before. */
  readonly after: readonly string[];
  /** `exec`: ready once it was executed; `notify`: once it says so (sd_notify(3)); `healthy`: once a health check says so. */
  readonly ready: (typeof READINESSES)[number];
  readonly health: Health | undefined;
  /** Undefined: SIGTERM. */
  readonly stopSignal: number | undefined;
  /** Undefined: SIGHUP, if the app catches it. */
  readonly reloadSignal: number | undefined;
}

/** When a pod ends beside being stopped; `stop`: not at all. `main`: when this app does; undefined stands for the pod's first. */
export type ExitPolicy =
  | { readonly kind: 'any' | 'all' | 'stop' }
  | { readonly kind: 'main'; readonly app: string | undefined };

interface Named {
  readonly name: string;
  readonly value: string;
}

const DEFAULT_DELAY_MS = 100;
/** Long enough for whatever keeps failing not to be a load, short enough not to be waited for after a repair. */
const LONGEST_MS = 30_000;
/** The executor's limits (stage1/native/check_life.cc). */
const MAX_DELAY_MS = 86_400_000;
const MAX_LIMIT = 1_000_000_000;

const invalid = (what: string, written: string, hint: string): never => {
  throw new PodctlError('life-invalid', `${what} "${written}" is none`, { hint });
};

/** `on-failure:5`. @throws PodctlError `life-invalid` */
export function parseRestart(written: string): { policy: (typeof RESTART_POLICIES)[number]; limit: number } {
  const [word = '', count = '0', ...rest] = written.split(':');
  const policy = RESTART_POLICIES.find((one) => one === word);
  const limit = /^\d{1,10}$/.test(count) ? Number(count) : Number.NaN;
  if (policy !== undefined && rest.length === 0 && limit <= MAX_LIMIT) return { policy, limit };
  return invalid('the restart policy', written, 'it is never, on-failure or always, and :MAX may follow');
}

/** @returns milliseconds @throws PodctlError `life-invalid` */
export function parseRestartDelay(written: string): number {
  const ms = parseDuration(written);
  if (ms !== undefined && ms <= MAX_DELAY_MS) return ms;
  return invalid('the restart delay', written, 'write it like 500ms or 10s; a day is the longest');
}

/** `SIGINT`, `INT`, `2`. @throws PodctlError `life-invalid` */
export const parseStopSignal = (written: string): number => parseSignal('the stop signal', written);
/** The same. */
export const parseReloadSignal = (written: string): number => parseSignal('the reload signal', written);

function parseSignal(what: string, written: string): number {
  const number = signalNumber(written);
  return number ?? invalid(what, written, 'it is a name like SIGINT or SIGRTMIN+3, or a number up to 64');
}

/** @throws PodctlError `life-invalid` */
export function parseReady(written: string): Life['ready'] {
  const found = READINESSES.find((one) => one === written);
  return found ?? invalid('the readiness', written, 'it is exec, notify or healthy');
}

/** @throws PodctlError `life-invalid` */
export const parseAfter = (written: string): readonly string[] =>
  written.split(',').map((name) => name || invalid('the list of apps', written, 'separate names by commas'));

/** `any`, `all`, `stop`, `main`, `main=web`. @throws PodctlError `life-invalid` */
export function parseExitPolicy(written: string): ExitPolicy {
  if (written === 'any' || written === 'all' || written === 'stop') return { kind: written };
  if (written === 'main') return { kind: 'main', app: undefined };
  if (written.startsWith('main=') && written !== 'main=') return { kind: 'main', app: written.slice('main='.length) };
  return invalid('the exit policy', written, 'it is any, all, stop, main or main=APP');
}

const read = <T>(annotations: readonly Named[], name: string, parse: (written: string) => T): T | undefined => {
  const found = annotations.find((one) => one.name === name);
  return found === undefined ? undefined : parse(found.value);
};

/** @throws PodctlError `life-invalid` */
export function lifeOf(annotations: readonly Named[]): Life {
  const restart = read(annotations, RESTART, parseRestart);
  const delayMs = read(annotations, RESTART_DELAY, parseRestartDelay) ?? DEFAULT_DELAY_MS;
  const delays = { delayMs, longestMs: Math.max(delayMs, LONGEST_MS) };
  const ready = read(annotations, READY, parseReady) ?? 'exec';
  const health = healthOf(annotations, ready === 'healthy');
  const isOnlyUnhealthy = health?.onFailure === 'restart' && (restart === undefined || restart.policy === 'never');
  return {
    restart: isOnlyUnhealthy
      ? { policy: 'on-unhealthy', limit: restart?.limit ?? 0, ...delays }
      : restart && { ...restart, ...delays },
    after: read(annotations, AFTER, parseAfter) ?? [],
    ready,
    health,
    stopSignal: read(annotations, STOP_SIGNAL, parseStopSignal),
    reloadSignal: read(annotations, RELOAD_SIGNAL, parseReloadSignal),
  };
}

/** Once all is known that the image says, too. @throws PodctlError `life-invalid` */
export function requireHealth(app: string, { ready, health }: Life): void {
  if (ready !== 'healthy' || health !== undefined) return;
  throw new PodctlError(
    'life-invalid',
    `app "${app}" is to be ready when it is healthy, but nothing checks its health`,
    {
      hint: 'give it a check with --health-cmd',
    },
  );
}

/** @throws PodctlError `life-invalid` */
export const exitPolicyOf = (annotations: readonly Named[]): ExitPolicy | undefined =>
  read(annotations, EXIT_POLICY, parseExitPolicy);

interface Ordered {
  readonly name: string;
  readonly life: Pick<Life, 'after'>;
}

/**
 * The apps in an order in which each stands behind those it comes after; else as they were.
 * @throws PodctlError `life-invalid` for an app that is not there, or one that would wait for itself
 */
export function inStartOrder<T extends Ordered>(apps: readonly T[]): readonly T[] {
  const byName = new Map(apps.map((app) => [app.name, app]));
  const ordered = new Set<T>();
  const visit = (app: T, path: readonly string[]): void => {
    if (ordered.has(app)) return;
    if (path.includes(app.name)) {
      const circle = [...path.slice(path.indexOf(app.name)), app.name].join(' → ');
      throw new PodctlError('life-invalid', `apps that start after each other never start: ${circle}`);
    }
    for (const name of app.life.after) {
      const before = byName.get(name);
      if (before === undefined)
        throw new PodctlError('life-invalid', `app "${app.name}" is to start after "${name}", which the pod has not`);
      visit(before, [...path, app.name]);
    }
    ordered.add(app);
  };
  for (const app of apps) visit(app, []);
  return [...ordered];
}

/** @throws PodctlError `life-invalid` for a main app that the pod has not */
export function requireMainApp(policy: ExitPolicy | undefined, apps: readonly string[]): void {
  if (policy?.kind !== 'main' || policy.app === undefined || apps.includes(policy.app)) return;
  throw new PodctlError('life-invalid', `the pod is to end with its app "${policy.app}", which it has not`);
}
