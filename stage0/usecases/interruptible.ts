/** Work that ^C ends in its own time: what has come stays for the next attempt. */
import type { FetchOptions } from './images';

/** What a client of the network is told of the world. */
export interface Interruption {
  readonly signal: AbortSignal;
  onRetry(url: string, reason: string, delayMs: number): void;
}

export async function interruptible<T>(
  { interrupts, observe }: Pick<FetchOptions, 'interrupts' | 'observe'>,
  work: (interruption: Interruption) => Promise<T>,
): Promise<T> {
  const end = new AbortController();
  const release = interrupts(() => end.abort());
  try {
    const onRetry = (url: string, reason: string, delayMs: number): void =>
      observe({ event: 'retrying', url, reason, delayMs });
    return await work({ signal: end.signal, onRetry });
  } finally {
    release();
  }
}
