/** One line of progress on stderr, redrawn in place; nothing at all unless stderr is a terminal. */
import { formatBytes } from '#kernel/quantity';
import type { Output } from './output';

export interface Progress {
  /** Bytes done so far, and in all if that is known. */
  update(done: number, total?: number): void;
  /** Takes the line away. */
  end(): void;
}

/** Milliseconds between two drawings: a person sees no more. */
const REDRAW_MS = 100;
const ERASE = '\r\u001b[K';

export function progressLine(label: string, err: Output, isTerminal: boolean, now: () => number = Date.now): Progress {
  let drawnAt = Number.NEGATIVE_INFINITY;
  let drawn = false;
  return {
    update(done, total) {
      if (!isTerminal || now() - drawnAt < REDRAW_MS) return;
      const share = total === undefined || total === 0 ? '' : ` of ${formatBytes(total)}`;
      err.write(`${ERASE}${label}: ${formatBytes(done)}${share}`);
      drawnAt = now();
      drawn = true;
    },
    end() {
      if (drawn) err.write(ERASE);
      drawn = false;
    },
  };
}
