/** Isolators of a pod and of its apps: planned with what this host can do, and reported to the user (appc I1–I4). */
import { PodctlError } from '#kernel/errors';
import { factsFor, type Isolation, planIsolators } from '../../stage2/isolators/plan';
import type { Effect, Isolator, IsolatorReport } from '../../stage2/isolators/types';
import type { Relaxations } from '../pod/launch';
import type { Services } from './services';

type Host = Pick<Services, 'hostFacts'>;

/** @throws PodctlError `isolator-invalid`, `isolator-unenforceable`, `isolator-refused` */
export const isolatePod = (host: Host, isolators: readonly Isolator[], relaxed: Relaxations): Isolation =>
  planIsolators({
    app: undefined,
    isolators,
    facts: host.hostFacts(factsFor(isolators)),
    lenient: relaxed.isolators,
  });

/** @param pod effects of the pod's isolators, which bound the app's. @throws as isolatePod() */
export const isolateApp = (
  host: Host,
  app: string,
  isolators: readonly Isolator[],
  pod: readonly Effect[],
  relaxed: Relaxations,
): Isolation =>
  planIsolators({ app, isolators, pod, facts: host.hostFacts(factsFor(isolators)), lenient: relaxed.isolators });

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
