/** From isolators to effects and reports: pure. What the host must be asked first, factsFor() says. */
import { PodctlError } from '#kernel/errors';
import { APP_DEFAULTS, ISOLATORS } from './table';
import {
  type Bound,
  type Effect,
  type FactName,
  type HostFacts,
  type Isolator,
  IsolatorProblem,
  type IsolatorReport,
  type Place,
  type Scope,
} from './types';

export interface Isolation {
  readonly effects: readonly Effect[];
  /** One per isolator that was given, in their order. */
  readonly reports: readonly IsolatorReport[];
}

/** No isolators, no effects: what a plan is made with where they do not matter. */
export const NO_ISOLATION: Isolation = { effects: [], reports: [] };

export interface IsolationRequest {
  /** The app's name; undefined for those of the pod. */
  readonly app: string | undefined;
  readonly isolators: readonly Isolator[];
  readonly facts: HostFacts;
  /** Effects of the pod's isolators, which bound those of its apps. */
  readonly pod?: readonly Effect[];
  /** A limit that the host cannot enforce is left out and reported, not an error (`--insecure-options=isolators`). */
  readonly lenient: boolean;
}

/** Facts that must be read before these isolators are planned. */
export const factsFor = (isolators: readonly Isolator[]): ReadonlySet<FactName> =>
  new Set(isolators.flatMap(({ name }) => rowOf(name)?.facts ?? []));

const rowOf = (name: string) => (Object.hasOwn(ISOLATORS, name) ? ISOLATORS[name] : undefined);

/** @throws PodctlError `isolator-invalid`, `isolator-unenforceable`, `isolator-refused` */
export function planIsolators(request: IsolationRequest): Isolation {
  const scope: Scope = request.app === undefined ? 'pod' : 'app';
  const beside = new Map(request.isolators.map(({ name, value }) => [name, value]));
  const place: Place = { scope, facts: request.facts, beside, bounds: boundsOf(request.pod ?? []) };
  requireOnce(request);
  const planned = request.isolators.map((isolator) => planOne(isolator, place, request));
  const defaults = scope === 'app' ? APP_DEFAULTS.filter(({ name }) => !beside.has(name)) : [];
  return {
    effects: [...planned.flatMap(({ effects }) => effects), ...defaults.flatMap((one) => planDefault(one, place))],
    reports: planned.map(({ report }) => report),
  };
}

const boundsOf = (pod: readonly Effect[]): ReadonlyMap<Bound, bigint> =>
  new Map(pod.flatMap((effect) => (effect.kind === 'bound' ? [[effect.of, effect.value] as const] : [])));

function requireOnce({ app, isolators }: IsolationRequest): void {
  const seen = new Set<string>();
  for (const { name } of isolators) {
    if (seen.has(name) && rowOf(name) !== undefined)
      throw failure(app, name, new IsolatorProblem('invalid', 'it is given twice'));
    seen.add(name);
  }
}

interface Planned {
  readonly effects: readonly Effect[];
  readonly report: IsolatorReport;
}

function planOne({ name, value }: Isolator, place: Place, { app, lenient }: IsolationRequest): Planned {
  const report = (outcome: IsolatorReport['outcome'], detail?: string): IsolatorReport => ({
    app,
    isolator: name,
    outcome,
    detail,
  });
  const row = rowOf(name);
  if (row === undefined) return { effects: [], report: report('ignored', 'podctl does not know it') };
  if (!row.scopes.includes(place.scope)) {
    return {
      effects: [],
      report: report('ignored', `it means nothing to ${place.scope === 'app' ? 'an app' : 'a pod'}`),
    };
  }
  try {
    const effects = row.plan(value, place);
    requireControllers(effects, place);
    const details = effects.flatMap((effect) => (effect.kind === 'adjusted' ? [effect.detail] : []));
    return { effects, report: details.length === 0 ? report('enforced') : report('adjusted', details.join('; ')) };
  } catch (error) {
    if (!(error instanceof IsolatorProblem)) throw error;
    if (!lenient || error.reason !== 'unenforceable') throw failure(app, name, error);
    return { effects: error.otherwise, report: report('ignored', error.message) };
  }
}

/** A default that the host cannot give is no promise broken. */
function planDefault({ name, value }: Isolator, place: Place): readonly Effect[] {
  const effects = rowOf(name)?.plan(value, place) ?? [];
  return missingControllers(effects, place).length === 0 ? effects : [];
}

const missingControllers = (effects: readonly Effect[], { facts }: Place): readonly string[] => [
  ...new Set(
    effects.flatMap((effect) =>
      'controller' in effect && !facts.controllers.includes(effect.controller) ? [effect.controller] : [],
    ),
  ),
];

function requireControllers(effects: readonly Effect[], place: Place): void {
  const missing = missingControllers(effects, place);
  if (missing.length === 0) return;
  throw new IsolatorProblem('unenforceable', `this host has no cgroup v2 controller "${missing.join('", "')}"`);
}

const CODES = {
  invalid: 'isolator-invalid',
  unenforceable: 'isolator-unenforceable',
  refused: 'isolator-refused',
} as const;

const failure = (app: string | undefined, name: string, problem: IsolatorProblem): PodctlError =>
  new PodctlError(
    CODES[problem.reason],
    `${app === undefined ? 'pod' : `app "${app}"`}: isolator ${name}: ${problem.message}`,
    {
      ...(problem.hint === undefined ? {} : { hint: problem.hint }),
      cause: problem,
    },
  );
