/** What podctl remembers of a pod beside its manifest, and what the executor reports of it: the files of a pod's directory. */
import fs from 'node:fs';
import type { AbsPath, AppName, ImageId } from '#kernel/brand';
import { isErrno, PodctlError } from '#kernel/errors';
import type { UserRange } from '../../stage1/plan/spec';
import type { IsolatorReport } from '../../stage2/isolators/types';
import type { Verification } from '../image/fetch/port';
import type { Relaxations } from './launch';
import { FAILURE, PID, RECORD, STATUS } from './layout';

export interface AppRecord {
  readonly name: AppName;
  readonly imageId: ImageId;
  readonly imageName: string;
  /** Rendered trees below the app's own layer, uppermost first. */
  readonly trees: readonly AbsPath[];
  /** Who had signed the image when the pod was prepared; absent: nobody's signature was checked. */
  readonly signature?: Verification;
  /** When it was added to the running pod, ms since the epoch; absent for apps that the pod was made with. */
  readonly addedAt?: number;
}

/** A unit of the user's own that a pod runs in. */
export interface HostUnit {
  readonly name: string;
  /** Which of the unit's runs it is: 32 hex digits, systemd's INVOCATION_ID. */
  readonly invocationId: string;
}

/** Written once, when the pod is prepared. */
export interface PodRecord {
  readonly version: 1;
  /** `--name`, or the default machine name. */
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly apps: readonly AppRecord[];
  /** What became of the isolators of the pod, then of its apps (appc I2). */
  readonly reports?: readonly IsolatorReport[];
  /** The pod's own users; absent: the host's. No two pods have the same (users.ts). */
  readonly users?: UserRange;
  /** Journal namespace its lines go to; absent: the host's journal. */
  readonly logNamespace?: string;
  /** Absent: overlays. */
  readonly roots?: 'copy';
  /** Protections that the operator switched off when the pod was started; absent: none. */
  readonly relaxed?: Relaxations;
  /** Absent: the pod's unit is its own (podUnit). */
  readonly unit?: HostUnit;
}

export interface AppStatus {
  readonly state: 'running' | 'restarting' | 'exited';
  /** In the pod, of its first process, while it runs. */
  readonly pid: number | undefined;
  /** Nanoseconds since the epoch; bigint since they do not fit a number exactly. */
  readonly startedAt: bigint | undefined;
  readonly finishedAt: bigint | undefined;
  /** 0–255; 128+n for a death by signal n. */
  readonly exitCode: number | undefined;
  /** stage1/README.md lists them. */
  readonly reason: string | undefined;
  /** Why it could not be started. */
  readonly detail: string | undefined;
  readonly restarts: number;
  /** While it runs, if it has health checks. */
  readonly health: AppHealth | undefined;
}

export interface AppHealth {
  readonly state: (typeof HEALTH_STATES)[number];
  /** Checks that have failed in a row. */
  readonly failures: number;
  /** What the last check that failed said: one printable line. */
  readonly output: string | undefined;
}

/** Why the executor gave up: a set-up operation that failed, or a program that could not be run. */
export interface Failure {
  readonly app: string | undefined;
  readonly operation: string;
  readonly line: string | undefined;
  readonly syscall: string | undefined;
  readonly errno: string | undefined;
  readonly object: string | undefined;
  readonly detail: string | undefined;
}

/** The exit status of a loader (ld.so(8), musl's) that did not find a library. */
export const NOT_LOADED = 127;

const MAX_RECORD_BYTES = 1024 * 1024;

/** Without asking for its size first: `list` reads thousands of them, and podctl itself and its executor are who write them. */
function readSmall(path: string): string | undefined {
  const text = readIfThere(path);
  if (text !== undefined && text.length > MAX_RECORD_BYTES)
    throw new PodctlError('pod-damaged', `${path} is larger than ever written`);
  return text;
}

function readIfThere(path: string): string | undefined {
  try {
    return fs.readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

const keyValues = (text: string): ReadonlyMap<string, string> =>
  new Map(
    text.split('\n').flatMap((line): [string, string][] => {
      const at = line.indexOf('=');
      return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)]];
    }),
  );

/** The executor writes control bytes and `%` as `%XX`, so that every value is one line. */
const unescaped = (value: string): string =>
  Buffer.from(
    Buffer.from(value, 'utf8')
      .toString('latin1')
      .replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  ).toString('utf8');

/** Undefined if the pod never got that far. @throws PodctlError `pod-damaged` */
export function readRecord(podPath: string): PodRecord | undefined {
  const text = readSmall(`${podPath}/${RECORD}`);
  if (text === undefined) return undefined;
  try {
    const record = JSON.parse(text) as PodRecord;
    if (record.version === 1 && Array.isArray(record.apps)) return record;
  } catch (cause) {
    throw new PodctlError('pod-damaged', `${podPath}/${RECORD} is not JSON`, { cause });
  }
  throw new PodctlError('pod-damaged', `${podPath}/${RECORD} was written by another version of podctl`);
}

/**
 * The same for those who want to know what there is to know: a maker killed while it wrote leaves half a record, and that must
 * neither hide the other pods from `list` nor keep gc from this one.
 */
export function recordIfReadable(podPath: string): PodRecord | undefined {
  try {
    return readRecord(podPath);
  } catch (error) {
    if (error instanceof PodctlError && error.code === 'pod-damaged') return undefined;
    throw error;
  }
}

const HEALTH_STATES = ['starting', 'healthy', 'unhealthy'] as const;
const STATES = ['running', 'restarting', 'exited'] as const;

export function readAppStatus(podPath: string, app: AppName): AppStatus | undefined {
  const text = readSmall(`${podPath}/${STATUS}/${app}`);
  if (text === undefined) return undefined;
  const values = keyValues(text);
  const bigint = (key: string): bigint | undefined => {
    const value = values.get(key);
    return value !== undefined && /^\d+$/.test(value) ? BigInt(value) : undefined;
  };
  const exit = bigint('exit');
  const pid = bigint('pid');
  const detail = values.get('detail');
  const output = values.get('health-output');
  const health = HEALTH_STATES.find((state) => state === values.get('health'));
  return {
    pid: pid === undefined ? undefined : Number(pid),
    state: STATES.find((state) => state === values.get('state')) ?? 'exited',
    startedAt: bigint('started'),
    finishedAt: bigint('finished'),
    exitCode: exit === undefined ? undefined : Number(exit),
    reason: values.get('reason'),
    detail: detail === undefined ? undefined : unescaped(detail),
    restarts: Number(bigint('restarts') ?? 0),
    health: health && {
      state: health,
      failures: Number(bigint('health-failures') ?? 0),
      output: output === undefined ? undefined : unescaped(output),
    },
  };
}

export function readFailure(podPath: string): Failure | undefined {
  const text = readSmall(`${podPath}/${FAILURE}`);
  return text === undefined ? undefined : parseFailure(text);
}

/** A failure as the executor writes it: `key=value` lines. */
export function parseFailure(text: string): Failure {
  const values = keyValues(text);
  const value = (key: string): string | undefined => {
    const escaped = values.get(key);
    return escaped === undefined ? undefined : unescaped(escaped);
  };
  return {
    app: value('app'),
    operation: value('operation') ?? 'unknown operation',
    line: value('line'),
    syscall: value('syscall'),
    errno: value('errno'),
    object: value('object'),
    detail: value('detail'),
  };
}

/** Host pid of the pod's init, once there is one. It means something only while the pod runs. */
export function readPid(podPath: string): number | undefined {
  const text = readSmall(`${podPath}/${PID}`);
  return text === undefined || !/^\d+\n?$/.test(text) ? undefined : Number(text);
}

/** When the pod's init was made (ms since the epoch), once there is one. */
export const startedAt = (podPath: string): number | undefined =>
  fs.statSync(`${podPath}/${PID}`, { throwIfNoEntry: false })?.mtimeMs;
