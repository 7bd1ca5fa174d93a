/** What podctl asks of the service manager besides starting a pod (unit-run.ts). */
import { PodctlError } from '#kernel/errors';
import { INFINITY } from '../../units/properties';
import { type Bus, BusError, isBusError, type MethodCall, type Signal, type Value } from './bus';
import { getProperty, jobSignals, MANAGER, MANAGER_PATH, SERVICE, systemd, UNIT, UNIT_REMOVED } from './names';
import { explain, NO_SUCH_UNIT } from './refusals';
import { unitPath } from './unit-path';
import { type JobResult, startFailure } from './unit-run';

/** Which processes of a unit a signal goes to. */
export type Whom = 'main' | 'all' | 'control';

export interface UnitSummary {
  readonly unit: string;
  readonly description: string;
  /** loaded, not-found, error, … */
  readonly loadState: string;
  /** active, activating, reloading, deactivating, inactive, failed */
  readonly activeState: string;
  readonly subState: string;
}

export interface UnitStatus {
  /** `not-found`: there is no such unit, and the rest says nothing. */
  readonly loadState: string;
  readonly activeState: string;
  readonly subState: string;
  readonly mainPid: number;
  /** Below /sys/fs/cgroup; empty if the unit does not run. Never compute it from the unit's name. */
  readonly controlGroup: string;
  readonly statusText: string;
  readonly result: string;
  /** The run of the unit, 32 hexadecimal digits; empty before the first. */
  readonly invocation: string;
  /** Bytes, or undefined where there is no memory accounting. */
  readonly memoryCurrent: bigint | undefined;
}

/** The version of the running systemd: 252 of `252.39-1~deb12u1`. */
export async function systemdVersion(bus: Bus): Promise<number> {
  return asked('cannot learn the version of systemd', async () => {
    const { body } = await bus.call(getProperty(MANAGER_PATH, MANAGER, 'Version'));
    return Number.parseInt(String((body[0] as { value: Value }).value), 10);
  });
}

/**
 * Stops a unit and waits until it has stopped: SIGTERM to its main process, after TimeoutStopSec SIGKILL to all. A frozen
 * unit is thawed first: systemd 262 refuses to stop it otherwise.
 * @returns how the stop job ended, or undefined if there is no such unit
 */
export async function stopUnit(bus: Bus, unit: string): Promise<JobResult | undefined> {
  return asked(`cannot stop ${unit}`, async () => {
    try {
      await thawIfFrozen(bus, unit);
      return await runJob(bus, unit, systemd('StopUnit', 'ss', [unit, 'replace']));
    } catch (error) {
      if (isBusError(error, NO_SUCH_UNIT)) return undefined;
      throw error;
    }
  });
}

const SIGKILL = 9;

/**
 * Kills all processes of a unit, and waits until it has stopped. The stop is asked for first: Restart= has no turn then.
 * @returns how the stop job ended, or undefined if there is no such unit
 */
export async function killAndStopUnit(bus: Bus, unit: string): Promise<JobResult | undefined> {
  const stopping = asked(`cannot stop ${unit}`, () =>
    runJob(bus, unit, systemd('StopUnit', 'ss', [unit, 'replace'])),
  ).catch((error: unknown) => error as Error);
  try {
    await killUnit(bus, unit, SIGKILL, 'all');
  } catch (error) {
    if (!(error instanceof PodctlError) || error.code !== 'unit-gone') throw error; // ignored: it has ended meanwhile
  }
  const result = await stopping;
  // Of a frozen unit systemd 262 refuses the stop; it has nothing left now that could run on.
  return result instanceof Error ? stopUnit(bus, unit) : result;
}

/** Returns when all of its processes are stopped. @throws PodctlError `unit-gone`, `systemd-refused` */
export async function freezeUnit(bus: Bus, unit: string): Promise<void> {
  await asked(`cannot pause ${unit}`, () => bus.call(systemd('FreezeUnit', 's', [unit])));
}

/** @throws PodctlError `unit-gone`, `systemd-refused` */
export async function thawUnit(bus: Bus, unit: string): Promise<void> {
  await asked(`cannot let ${unit} go on`, () => bus.call(systemd('ThawUnit', 's', [unit])));
}

async function thawIfFrozen(bus: Bus, unit: string): Promise<void> {
  try {
    await bus.call(systemd('ThawUnit', 's', [unit]));
  } catch (error) {
    if (!(error instanceof BusError) || isBusError(error, NO_SUCH_UNIT)) throw error;
    // ignored: the unit is not running, or the kernel has no freezer; if it is frozen all the same, StopUnit says so
  }
}

/**
 * Restarts a unit, and waits until it has started again.
 * @throws PodctlError `unit-gone`, `unit-failed`, `systemd-refused`
 */
export async function restartUnit(bus: Bus, unit: string): Promise<void> {
  const result = await asked(`cannot restart ${unit}`, async () => {
    await thawIfFrozen(bus, unit);
    return runJob(bus, unit, systemd('RestartUnit', 'ss', [unit, 'replace']));
  });
  if (result !== 'done') throw startFailure(unit, result, undefined);
}

/** Whoever refers to a unit that has ended keeps it, for as long as it takes to read how it ended. */
const MOST_KEPT_MS = 30_000;

/**
 * To be called before a transient unit is stopped: a new one of its name can be made when the returned function returns, which
 * is when nobody refers to the old one any more.
 */
export function untilUnitGone(bus: Bus, unit: string): () => Promise<void> {
  let wake: () => void = () => undefined;
  const removed = bus.match(UNIT_REMOVED, ({ body }) => body[0] === unit && wake());
  const subscribed = bus.call(systemd('Subscribe'));
  const ready = asked(`cannot watch ${unit}`, () => Promise.all([removed, subscribed]));
  ready.catch(() => undefined); // whoever awaits it gets the rejection
  return async () => {
    await ready;
    const gone = new Promise<void>((resolve) => {
      wake = resolve;
    });
    if (!(await isLoaded(bus, unit))) return;
    const timer = new Promise<'late'>((resolve) => setTimeout(resolve, MOST_KEPT_MS, 'late').unref());
    if ((await Promise.race([gone, timer])) !== 'late') return;
    throw new PodctlError('systemd-refused', `${unit} has ended, and something on the bus still refers to it`);
  };
}

async function isLoaded(bus: Bus, unit: string): Promise<boolean> {
  return asked(`cannot look for ${unit}`, async () => {
    try {
      await bus.call(systemd('GetUnit', 's', [unit]));
      return true;
    } catch (error) {
      if (isBusError(error, NO_SUCH_UNIT)) return false;
      throw error;
    }
  });
}

/** Makes a call that answers with a job, and waits for the end of that job. */
async function runJob(bus: Bus, unit: string, call: MethodCall): Promise<JobResult> {
  const ended: Signal[] = [];
  let wake: () => void = () => undefined;
  const heard = (signal: Signal) => {
    ended.push(signal);
    wake();
  };
  const matched = bus.match(jobSignals(unit), heard);
  const [{ sender, body }] = await Promise.all([bus.call(call), matched]);
  const result = () => ended.find((signal) => signal.sender === sender && signal.body[1] === body[0])?.body[3];
  const done = new Promise<void>((resolve) => {
    wake = () => result() !== undefined && resolve();
    wake();
  });
  const lost = await Promise.race([done, bus.closed]);
  if (lost !== undefined) throw lost;
  return String(result());
}

/** @throws PodctlError `unit-gone` if there is no such unit, or it has no such process */
export async function killUnit(bus: Bus, unit: string, signal: number, whom: Whom): Promise<void> {
  await asked(`cannot send signal ${signal} to ${unit}`, () =>
    bus.call(systemd('KillUnit', 'ssi', [unit, whom, signal])),
  );
}

/** Forgets that a unit failed, so that systemd can drop it. Nothing happens if there is no such unit. */
export async function resetFailed(bus: Bus, unit: string): Promise<void> {
  await asked(`cannot reset ${unit}`, async () => {
    try {
      await bus.call(systemd('ResetFailedUnit', 's', [unit]));
    } catch (error) {
      if (!isBusError(error, NO_SUCH_UNIT)) throw error;
    }
  });
}

/** The units whose names match a glob pattern (POD_UNITS of units/name.ts), ended ones included while somebody refers to them. */
export async function listUnits(bus: Bus, pattern: string): Promise<readonly UnitSummary[]> {
  return asked(`cannot list ${pattern}`, async () => {
    const { body } = await bus.call(systemd('ListUnitsByPatterns', 'asas', [[], [pattern]]));
    return (body[0] as readonly string[][]).map(([unit, description, loadState, activeState, subState]) => ({
      unit: String(unit),
      description: String(description),
      loadState: String(loadState),
      activeState: String(activeState),
      subState: String(subState),
    }));
  });
}

/** What systemd knows of a unit. It never throws because there is no such unit: see `loadState`. */
export async function unitStatus(bus: Bus, unit: string): Promise<UnitStatus> {
  const get = async (of: string, name: string): Promise<Value> => {
    const { body } = await bus.call(getProperty(unitPath(unit), of, name));
    return (body[0] as { value: Value }).value;
  };
  return asked(`cannot read the state of ${unit}`, async () => {
    const [loadState, activeState, subState, mainPid, controlGroup, statusText, result, memory, run] =
      await Promise.all([
        get(UNIT, 'LoadState'),
        get(UNIT, 'ActiveState'),
        get(UNIT, 'SubState'),
        get(SERVICE, 'MainPID'),
        get(SERVICE, 'ControlGroup'),
        get(SERVICE, 'StatusText'),
        get(SERVICE, 'Result'),
        get(SERVICE, 'MemoryCurrent'),
        get(UNIT, 'InvocationID'),
      ]);
    return {
      loadState: String(loadState),
      activeState: String(activeState),
      subState: String(subState),
      mainPid: Number(mainPid),
      controlGroup: String(controlGroup),
      statusText: String(statusText),
      result: String(result),
      invocation: Buffer.from(run as Uint8Array).toString('hex'),
      memoryCurrent: memory === INFINITY ? undefined : BigInt(memory as bigint),
    };
  });
}

/** Runs `ask` and puts a D-Bus error in podctl's terms. */
async function asked<T>(what: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw explain(what, error);
  }
}
