/** Isolators of a pod and of its apps: planned with what this host can do, and reported to the user (appc I1–I4). */
import { PodctlError } from '#kernel/errors';
import type { AppSpec } from '../../stage1/plan/spec';
import { factsFor, type Isolation, planIsolators } from '../../stage2/isolators/plan';
import { NO_NEW_PRIVILEGES } from '../../stage2/isolators/process';
import { SECCOMP_REMOVE, SECCOMP_RETAIN } from '../../stage2/isolators/seccomp';
import type { Effect, Isolator, IsolatorReport } from '../../stage2/isolators/types';
import { DEFAULT_POLICY, isOptOut } from '../../stage2/seccomp/policy';
import { capabilitiesOf, type Relaxations } from '../pod/launch';
import type { Services } from './services';

type Host = Pick<Services, 'hostFacts' | 'filters'>;

/** @throws PodctlError `isolator-invalid`, `isolator-unenforceable`, `isolator-refused` */
export const isolatePod = (
  host: Pick<Host, 'hostFacts'>,
  isolators: readonly Isolator[],
  relaxed: Relaxations,
): Isolation =>
  planIsolators({
    app: undefined,
    isolators,
    facts: host.hostFacts(factsFor(isolators)),
    lenient: relaxed.isolators,
  });

/** @param pod effects of the pod's isolators, which bound the app's. @throws as isolatePod() */
export function isolateApp(
  host: Host,
  app: string,
  isolators: readonly Isolator[],
  pod: readonly Effect[],
  relaxed: Relaxations,
): Isolation {
  const facts = host.hostFacts(factsFor(isolators));
  const planned = planIsolators({ app, isolators, pod, facts, lenient: relaxed.isolators });
  return withFilter(host, planned, relaxed);
}

/** What the reports of both isolators are about. */
const isSeccomp = ({ isolator }: IsolatorReport): boolean => isolator === SECCOMP_REMOVE || isolator === SECCOMP_RETAIN;

/** The same with the program that the policy of the app, or that of all apps, comes down to. */
function withFilter({ filters }: Host, planned: Isolation, relaxed: Relaxations): Isolation {
  const tell = (outcome: IsolatorReport['outcome'], detail: string): Isolation['reports'] =>
    planned.reports.map((report) => (isSeccomp(report) ? { ...report, outcome, detail } : report));
  if (relaxed.seccomp) return { ...planned, reports: tell('ignored', 'switched off by --insecure-options=seccomp') };
  const own = planned.effects.find((effect) => effect.kind === 'seccomp');
  const policy = own?.kind === 'seccomp' ? own.policy : DEFAULT_POLICY;
  if (isOptOut(policy)) return planned;
  const { program, unknown } = filters(policy, capabilitiesOf(planned.effects, relaxed));
  return {
    effects: [...planned.effects, { kind: 'filter', program }],
    reports:
      unknown.length === 0
        ? planned.reports
        : tell('adjusted', `libseccomp knows no system call "${unknown.join('", "')}"`),
  };
}

/** With what only the launch shows: a filter keeps a user from gaining privileges although the isolator would let them. */
export function reportsOf({ effects, reports }: Isolation, launch: AppSpec | undefined): readonly IsolatorReport[] {
  const asked = effects.find((effect) => effect.kind === 'no-new-privileges');
  if (asked?.kind !== 'no-new-privileges' || launch?.noNewPrivileges !== true || asked.on) return reports;
  const detail = 'it stays on for a user with a system call filter';
  return reports.map((report) =>
    report.isolator === NO_NEW_PRIVILEGES ? { ...report, outcome: 'adjusted', detail } : report,
  );
}

const sentence = ({ app, isolator, outcome, detail }: IsolatorReport): string =>
  `${app === undefined ? 'pod' : `app "${app}"`}: isolator ${isolator} ${outcome}: ${detail ?? ''}`;

/**
 * Tells of every isolator that is not in force as it was written (I2).
 * @throws PodctlError `isolator-refused` of the first one if `strict` (I3)
 */
export function tellOfIsolators(
  { warn }: Pick<Services, 'warn'>,
  reports: readonly IsolatorReport[],
  strict: boolean,
): void {
  for (const report of reports.filter(({ outcome }) => outcome !== 'enforced')) {
    if (strict)
      throw new PodctlError('isolator-refused', sentence(report), { hint: 'it would run without --strict-isolators' });
    warn(sentence(report));
  }
}
