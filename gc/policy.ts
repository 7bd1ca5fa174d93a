/** What is garbage, and what is to be done with it now: a pure function of the pods, the moment and the operator's patience. */
import type { PodId } from '#kernel/brand';

/** A pod as gc sees it. Directories and states are those of stage0/pod/state.ts, by name. */
export interface Candidate {
  readonly id: PodId;
  readonly directory: 'embryo' | 'prepare' | 'prepared' | 'run' | 'exited-garbage' | 'garbage';
  readonly lockHeld: boolean;
  /** When the pod entered its directory, ms since the epoch: rename(2) sets the directory's change time. */
  readonly since: number;
}

export interface Patience {
  /** How long an exited pod is kept after it was marked, ms. */
  readonly gracePeriod: number;
  /** How long a prepared pod may wait to be run, ms. */
  readonly expirePrepared: number;
  /** Only mark, remove nothing. */
  readonly markOnly: boolean;
}

export type Action =
  | { readonly kind: 'mark'; readonly id: PodId; readonly to: 'garbage' | 'exited-garbage'; readonly why: MarkReason }
  | { readonly kind: 'remove'; readonly id: PodId }
  | { readonly kind: 'keep'; readonly id: PodId; readonly why: 'within grace period' };

export type MarkReason = 'exited' | 'failed prepare' | 'expired prepared';

/**
 * An embryo lives for microseconds. Taking one from its maker would only make it try again, but this long after its birth
 * there is no maker any more.
 */
const EMBRYO_AGE_MS = 60_000;

/** What to do with one pod; nothing for a pod in use. A pod marked now is removed by a later run, after its grace period. */
export function decide(pod: Candidate, now: number, patience: Patience): Action | undefined {
  if (pod.lockHeld) return undefined;
  // A time of the kernel's is finer than a clock of milliseconds, so what was marked in this one seems to be yet to come.
  const age = Math.max(0, now - pod.since);
  const mark = (to: 'garbage' | 'exited-garbage', why: MarkReason): Action => ({ kind: 'mark', id: pod.id, to, why });
  switch (pod.directory) {
    case 'embryo':
      return age >= EMBRYO_AGE_MS ? mark('garbage', 'failed prepare') : undefined;
    case 'prepare':
      return mark('garbage', 'failed prepare');
    case 'prepared':
      return age >= patience.expirePrepared ? mark('garbage', 'expired prepared') : undefined;
    case 'run':
      return mark('exited-garbage', 'exited');
    case 'exited-garbage':
      if (patience.markOnly) return undefined;
      return age >= patience.gracePeriod
        ? { kind: 'remove', id: pod.id }
        : { kind: 'keep', id: pod.id, why: 'within grace period' };
    case 'garbage':
      return patience.markOnly ? undefined : { kind: 'remove', id: pod.id };
  }
}
