/** Starts a transient unit and learns, from signals alone, when it is ready and how it ended. */
import { PodctlError } from '#kernel/errors';
import type { UnitProperty } from '../../units/properties';
import type { Bus, Signal, Value } from './bus';
import { jobSignals, PROPERTIES_CHANGED, systemd, UNIT } from './names';
import { explain } from './refusals';
import { unitPath } from './unit-path';

/** How a job ended. Type=notify: `done` means READY=1 was seen. */
export type JobResult = 'done' | 'failed' | 'timeout' | 'canceled' | 'dependency' | 'skipped' | (string & {});

export interface UnitExit {
  /** `never`: systemd did not get so far as to run the program. */
  readonly code: 'exited' | 'killed' | 'dumped' | 'never';
  /** Exit status, or the number of the signal; 0 for `never`. */
  readonly status: number;
  /** systemd's verdict: success, exit-code, signal, core-dump, timeout, watchdog, oom-kill, resources, protocol, … */
  readonly result: string;
}

export interface UnitRun {
  readonly unit: string;
  /** systemd has accepted the unit and queued its start. Rejects, as the others then do, if it refused. */
  readonly accepted: Promise<void>;
  /** The start job ended. It does not reject when the job failed: see startFailure(). */
  readonly ready: Promise<JobResult>;
  /** The unit ended. Until the bus is closed the reference that AddRef took keeps its state readable. */
  readonly exited: Promise<UnitExit>;
  /** Main process as last heard of; 0 before the start and after the exit. */
  mainPid(): number;
  /** STATUS= as last heard of. */
  statusText(): string;
}

export interface UnitStart {
  readonly unit: string;
  /** Must contain AddRef: a failed unit is collected, exit status and all, as soon as nobody refers to it. */
  readonly properties: readonly UnitProperty[];
}

/** Longer than other calls: systemd takes units one after the other, and a thousand may be asked for. A silent bus is noticed before. */
const START_TIMEOUT_MS = 60_000;

/**
 * Returns at once, with the calls on their way in one write: the matches stand before the start, so no signal is lost.
 * The promises reject with PodctlError `systemd-refused`, `systemd-silent` or `no-systemd`, also when the bus goes away later.
 */
export function startUnit(bus: Bus, { unit, properties }: UnitStart): UnitRun {
  const watch = new Watch(unit);
  const matches = [
    bus.match(jobSignals(unit), (signal) => watch.hear('job', signal)),
    bus.match({ ...PROPERTIES_CHANGED, path: unitPath(unit) }, (signal) => watch.hear('change', signal)),
  ];
  const body = [unit, 'fail', properties.map(([name, signature, value]) => [name, { signature, value }]), []];
  const start = bus.call(systemd('StartTransientUnit', 'ssa(sv)a(sa(sv))', body), START_TIMEOUT_MS);
  const accepted = Promise.all([start, ...matches]).then(
    ([
      {
        sender,
        body: [job],
      },
    ]) => watch.accept(sender, String(job)),
    (error) => {
      const failure = explain(`cannot start ${unit}`, error);
      watch.fail(failure);
      throw failure;
    },
  );
  ignoreUnawaited(accepted);
  bus.closed.then((cause) => {
    const why = cause ?? new PodctlError('internal', `the bus was closed before ${unit} ended`);
    watch.fail(why);
  });
  return {
    unit,
    accepted,
    ready: watch.ready,
    exited: watch.exited,
    mainPid: () => Number(watch.get('MainPID') ?? 0),
    statusText: () => String(watch.get('StatusText') ?? ''),
  };
}

/** Why a unit whose `ready` was not `done` did not start. */
export function startFailure(unit: string, job: JobResult, exit: UnitExit | undefined): PodctlError {
  const end = exit === undefined || exit.code === 'never' ? '' : `; its main process ${exit.code} with ${exit.status}`;
  const result = exit === undefined ? '' : ` (result ${exit.result}${end})`;
  return new PodctlError('unit-failed', `the start job of ${unit} ended with "${job}"${result}`, {
    hint: `\`journalctl -u ${unit}\` says more`,
  });
}

const EXIT_CODES: Readonly<Record<number, UnitExit['code']>> = { 0: 'never', 1: 'exited', 2: 'killed', 3: 'dumped' };

/** States of a unit that does nothing, before it or after. */
const AT_REST = ['inactive', 'failed'];

/** More changes than a pod has between its start and its end, and few enough to look through. */
const MAX_RECENT = 32;

/** Names and new values of a PropertiesChanged. */
const changesIn = ({ body: [, changed] }: Signal): readonly [string, { readonly value: Value }][] =>
  changed as [string, { value: Value }][];

/** The end of a job, or changed properties. */
type Kind = 'job' | 'change';

/** All that was heard of one unit. */
class Watch {
  readonly ready: Promise<JobResult>;
  readonly exited: Promise<UnitExit>;
  readonly #unit: string;
  /** What changes older than those of `#recent` left. */
  readonly #properties = new Map<string, Value>();
  /** Changes in the order they came. */
  #recent: Signal[] = [];
  /** Signals may overtake the reply that says which job and which sender are the right ones; they wait here until then. */
  #early: [Kind, Signal][] = [];
  /** False: what was heard of the unit says that it is neither inactive nor failed. */
  #mayBeAtRest = false;
  #systemd = '';
  #job = '';
  #jobResult: JobResult | undefined;
  #becomeReady: (result: JobResult) => void = () => undefined;
  #exit: (exit: UnitExit) => void = () => undefined;
  fail: (error: unknown) => void = () => undefined;

  constructor(unit: string) {
    this.#unit = unit;
    const failures: ((error: unknown) => void)[] = [];
    this.ready = new Promise((resolve, reject) => {
      this.#becomeReady = resolve;
      failures.push(reject);
    });
    this.exited = new Promise((resolve, reject) => {
      this.#exit = resolve;
      failures.push(reject);
    });
    this.fail = (error) => {
      for (const reject of failures) reject(error);
    };
    ignoreUnawaited(this.ready);
    ignoreUnawaited(this.exited);
  }

  /** The latest value. Changes are read from the newest back, and none that is older than the value. */
  get(property: string): Value | undefined {
    for (const signal of this.#recent.toReversed()) {
      const change = changesIn(signal).find(([name]) => name === property);
      if (change !== undefined) return change[1].value;
    }
    return this.#properties.get(property);
  }

  accept(sender: string, job: string): void {
    this.#systemd = sender;
    this.#job = job;
    const early = this.#early;
    this.#early = [];
    for (const [kind, signal] of early) this.hear(kind, signal);
  }

  hear(kind: Kind, signal: Signal): void {
    if (this.#systemd === '') this.#early.push([kind, signal]);
    else if (signal.sender !== this.#systemd) return;
    else if (kind === 'job') this.#takeJob(signal);
    else this.#hold(signal);
  }

  /**
   * systemd sends some fifteen changes of a pod that comes and goes, and reading all of them costs more than all else between
   * request and exit. So they are only kept until one of them may be the end.
   */
  #hold(signal: Signal): void {
    this.#recent.push(signal);
    if (AT_REST.some((state) => signal.mayMention(state))) this.#mayBeAtRest = true;
    if (this.#mayBeAtRest && signal.mayMention(UNIT) && signal.body[0] === UNIT) this.#checkExit();
    if (this.#recent.length > MAX_RECENT) this.#settle();
  }

  #settle(): void {
    for (const signal of this.#recent)
      for (const [name, { value }] of changesIn(signal)) this.#properties.set(name, value);
    this.#recent = [];
  }

  #takeJob({ body: [, job, unit, result] }: Signal): void {
    if (unit !== this.#unit || job !== this.#job) return;
    this.#jobResult = String(result);
    this.#becomeReady(this.#jobResult);
  }

  /**
   * The unit has ended once it is inactive or failed, has no job left, and either its main process has run or its start
   * job failed. Before the start it is inactive without a job, too. systemd sends the properties of the service before those of the unit.
   */
  #checkExit(): void {
    if (!AT_REST.includes(String(this.get('ActiveState')))) {
      this.#mayBeAtRest = false;
      return;
    }
    const [jobId] = (this.get('Job') ?? [-1]) as [number];
    if (jobId !== 0) return;
    const code = Number(this.get('ExecMainCode') ?? 0);
    const hasRun = code !== 0 || (this.#jobResult !== undefined && this.#jobResult !== 'done');
    if (!hasRun) return;
    this.#exit({
      code: EXIT_CODES[code] ?? 'never',
      status: Number(this.get('ExecMainStatus') ?? 0),
      result: String(this.get('Result') ?? ''),
    });
  }
}

/** Whoever awaits the promise gets the rejection; if nobody does, Node must not die of it. */
function ignoreUnawaited(promise: Promise<unknown>): void {
  promise.catch(() => undefined);
}
