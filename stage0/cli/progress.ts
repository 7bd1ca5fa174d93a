/** One line of progress on stderr, redrawn in place; nothing at all unless stderr is a terminal. */
import { formatBytes } from '#kernel/quantity';
import type { Output } from './output';

export interface Progress {
  /** Bytes done so far, and in all if that is known. */
  update(done: number, total?: number): void;
  /** This text, instead of the label and its bytes; asked for only if it is drawn. */
  show(text: () => string): void;
  /** Takes the line away. */
  end(): void;
}

/** Milliseconds between two drawings: a person sees no more. */
const REDRAW_MS = 100;
const ERASE = '\r\u001b[K';

/** `12MiB of 50MiB`. */
export const share = (done: number, total: number | undefined): string =>
  `${formatBytes(done)}${total === undefined || total === 0 ? '' : ` of ${formatBytes(total)}`}`;

export function progressLine(label: string, err: Output, isTerminal: boolean, now: () => number = Date.now): Progress {
  let drawnAt = Number.NEGATIVE_INFINITY;
  let drawn = false;
  const draw = (text: () => string): void => {
    if (!isTerminal || now() - drawnAt < REDRAW_MS) return;
    err.write(`${ERASE}${text()}`);
    drawnAt = now();
    drawn = true;
  };
  return {
    update: (done, total) => draw(() => `${label}: ${share(done, total)}`),
    show: draw,
    end() {
      if (drawn) err.write(ERASE);
      drawn = false;
    },
  };
}
