/** Signals that ask a foreground command to end its pod. */
import type { Interrupts } from '../../usecases/start';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export const interrupts: Interrupts = (listener) => {
  for (const signal of SIGNALS) process.on(signal, listener);
  return () => {
    for (const signal of SIGNALS) process.off(signal, listener);
  };
};
