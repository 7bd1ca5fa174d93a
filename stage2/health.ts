/**
 * The health check of an app: a program that runs beside the app's own now and then, and says by its exit status how the app is.
 * Names and rules are Docker's (https://docs.docker.com/reference/dockerfile/#healthcheck); said by annotations, as the rest of
 * an app's life (life.ts).
 */
import { PodctlError } from '#kernel/errors';
import { parseDuration } from '#kernel/quantity';

/** Names of the annotations. */
export const HEALTH_CMD = 'podctl/health-cmd';
export const HEALTH_INTERVAL = 'podctl/health-interval';
export const HEALTH_TIMEOUT = 'podctl/health-timeout';
export const HEALTH_START_PERIOD = 'podctl/health-start-period';
export const HEALTH_START_INTERVAL = 'podctl/health-start-interval';
export const HEALTH_RETRIES = 'podctl/health-retries';
export const HEALTH_ON_FAILURE = 'podctl/health-on-failure';

/** Those that an image may say; what is done about an unhealthy app is the operator's business. */
export const HEALTH_OF_IMAGE: readonly string[] = [
  HEALTH_CMD,
  HEALTH_INTERVAL,
  HEALTH_TIMEOUT,
  HEALTH_START_PERIOD,
  HEALTH_START_INTERVAL,
  HEALTH_RETRIES,
];

/** What stands for no check in HEALTH_CMD. */
export const NO_CHECK = 'none';

export const HEALTH_ACTIONS = ['none', 'restart', 'kill', 'stop'] as const;

export interface Health {
  /** argv[0] included. */
  readonly argv: readonly string[];
  /** Between a check's end and the next check; also before the first one. Milliseconds, as all that follow. */
  readonly intervalMs: number;
  /** A check that takes longer is killed, and has failed. */
  readonly timeoutMs: number;
  /** Failures in it do not count until a check has succeeded. */
  readonly startPeriodMs: number;
  /** The interval in it. */
  readonly startIntervalMs: number;
  /** Failures in a row that make the app unhealthy. */
  readonly retries: number;
  readonly onFailure: (typeof HEALTH_ACTIONS)[number];
}

interface Named {
  readonly name: string;
  readonly value: string;
}

const SHELL = ['/bin/sh', '-c'] as const;

/** Docker's defaults. */
const INTERVAL_MS = 30_000;
const TIMEOUT_MS = 30_000;
const START_INTERVAL_MS = 5000;
const RETRIES = 3;
/** That of an app that others wait for: checked from the first second on. */
const EAGER_INTERVAL_MS = 1000;

/** The executor's limits (stage1/native/check_life.cc). */
export const LONGEST_MS = 366 * 86_400_000;
const MAX_RETRIES = 1_000_000_000;
/** Enough for any script that is not better put into a file, and no burden for the pod's init, which keeps it in memory. */
export const MAX_COMMAND_BYTES = 16 * 1024;

const invalid = (what: string, written: string, hint: string): never => {
  throw new PodctlError('life-invalid', `${what} "${written}" is none`, { hint });
};

/**
 * A line for the shell, or a list of words as JSON, with Docker's CMD, CMD-SHELL or NONE before them or without. Undefined for no
 * check. @throws PodctlError `life-invalid`
 */
export function parseHealthCommand(written: string): readonly string[] | undefined {
  const hint = 'it is a line for /bin/sh, none, or a list of words in JSON, such as ["CMD", "/bin/check", "-q"]';
  if (Buffer.byteLength(written) > MAX_COMMAND_BYTES)
    return invalid('the health check', `${written.slice(0, 40)}…`, `it may have ${MAX_COMMAND_BYTES} bytes`);
  if (written === NO_CHECK) return undefined;
  const argv = written.startsWith('[')
    ? argvOfTest(wordsOf(written) ?? invalid('the health check', written, hint))
    : [...SHELL, written];
  if (argv === undefined) return undefined;
  const isProgram =
    argv[0] !== undefined && argv[0] !== '' && argv.at(-1) !== '' && !argv.some((word) => word.includes('\0'));
  return isProgram ? argv : invalid('the health check', written, hint);
}

function wordsOf(written: string): readonly string[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(written);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  return Array.isArray(value) && value.every((word) => typeof word === 'string') ? value : undefined;
}

/** What Docker's `Test` means; undefined: no check. */
export function argvOfTest(test: readonly string[], shell: readonly string[] = SHELL): readonly string[] | undefined {
  const [kind, ...words] = test;
  if (kind === 'NONE') return undefined;
  if (kind === 'CMD') return words;
  // Docker hands all words to the shell, of which only the first is the script: the others are $0 and so on.
  return kind === 'CMD-SHELL' ? [...shell, ...words] : test;
}

/** @returns milliseconds @throws PodctlError `life-invalid` */
function parseTime(what: string, least: number, written: string): number {
  const ms = parseDuration(written);
  if (ms !== undefined && ms >= least && ms <= LONGEST_MS) return ms;
  return invalid(`the ${what} of health checks`, written, `write it like 30s or 500ms, from ${least}ms to 366 days`);
}

const parseRetries = (written: string): number => {
  const count = /^\d{1,10}$/.test(written) ? Number(written) : 0;
  return count >= 1 && count <= MAX_RETRIES
    ? count
    : invalid('the number of failed health checks', written, 'it is 1 or more');
};

const parseAction = (written: string): Health['onFailure'] =>
  HEALTH_ACTIONS.find((action) => action === written) ??
  invalid('what is done about an unhealthy app', written, `it is ${HEALTH_ACTIONS.join(', ')}`);

/**
 * Everything that is said is looked at, also without a check. `isAwaited`: others wait until the app is healthy, so that it is checked
 * often from the start, and has the time of the first interval to come up, unless more is said.
 * @throws PodctlError `life-invalid`
 */
export function healthOf(annotations: readonly Named[], isAwaited: boolean): Health | undefined {
  const read = <T>(name: string, parse: (written: string) => T): T | undefined => {
    const found = annotations.find((one) => one.name === name);
    return found === undefined ? undefined : parse(found.value);
  };
  const time = (name: string, what: string, least = 1): number | undefined =>
    read(name, (written) => parseTime(what, least, written));
  const argv = read(HEALTH_CMD, parseHealthCommand);
  const intervalMs = time(HEALTH_INTERVAL, 'interval') ?? INTERVAL_MS;
  const settled = {
    intervalMs,
    timeoutMs: time(HEALTH_TIMEOUT, 'time-out') ?? TIMEOUT_MS,
    startPeriodMs: time(HEALTH_START_PERIOD, 'start period', 0) ?? (isAwaited ? intervalMs : 0),
    startIntervalMs:
      time(HEALTH_START_INTERVAL, 'start interval') ?? (isAwaited ? EAGER_INTERVAL_MS : START_INTERVAL_MS),
    retries: read(HEALTH_RETRIES, parseRetries) ?? RETRIES,
    onFailure: read(HEALTH_ON_FAILURE, parseAction) ?? 'none',
  };
  return argv === undefined ? undefined : { argv, ...settled };
}

/** What systemd gives every service by default (DefaultTimeoutStartSec=). */
const START_MS = 90_000;

/**
 * Milliseconds that a pod may take until its unit has started, if checks decide when that is: each app that is waited for has
 * the time of its verdict, and there may be one behind the other. Undefined: no check does.
 */
export function startTimeoutMs(lives: readonly { ready: string; health: Health | undefined }[]): number | undefined {
  const awaited = lives.flatMap(({ ready, health }) => (ready === 'healthy' && health !== undefined ? [health] : []));
  return awaited.length === 0 ? undefined : awaited.reduce((sum, health) => sum + verdictMs(health), START_MS);
}

/** Milliseconds until checks have decided whether an app that has just started is healthy. */
const verdictMs = ({ startPeriodMs, retries, intervalMs, timeoutMs }: Health): number =>
  startPeriodMs + retries * (intervalMs + timeoutMs);
