/** Marks and sweeps, one pod at a time, each under its lock. */
import type { PodId } from '#kernel/brand';
import { messageOf } from '#kernel/errors';
import { type Action, type Candidate, decide, type Patience } from './policy';

/** The pods, as far as gc has to do with them. */
export interface GarbagePort {
  /** All pods; `lockHeld` may be out of date a moment later, which take() finds out. */
  candidates(): readonly Candidate[];
  /** Locks the pod if it still is where it was, moves it, and lets go. False if it is in use or has moved on. */
  mark(pod: Candidate, to: 'garbage' | 'exited-garbage'): boolean;
  /** Locks the pod and removes it. False if it is in use or has moved on. */
  remove(pod: Candidate): boolean;
}

export type GcEvent =
  | { readonly kind: 'done'; readonly action: Action }
  | { readonly kind: 'failed'; readonly id: PodId; readonly message: string };

/** Runs both passes and reports each action taken. A pod that resists does not keep gc from the others. */
export function collect(
  port: GarbagePort,
  now: () => number,
  patience: Patience,
  report: (event: GcEvent) => void,
): void {
  const passes: readonly Action['kind'][][] = [['mark'], ['remove', 'keep']];
  for (const kinds of passes) {
    for (const pod of port.candidates()) {
      const action = decide(pod, now(), patience);
      if (action === undefined || !kinds.includes(action.kind)) continue;
      try {
        if (perform(port, pod, action)) report({ kind: 'done', action });
      } catch (error) {
        report({ kind: 'failed', id: pod.id, message: messageOf(error) });
      }
    }
  }
}

function perform(port: GarbagePort, pod: Candidate, action: Action): boolean {
  switch (action.kind) {
    case 'mark':
      return port.mark(pod, action.to);
    case 'remove':
      return port.remove(pod);
    case 'keep':
      return true;
  }
}
