/** Writing to stdout and stderr: synchronously (a first `console.log` costs 5–10 ms more), and never failing the command. */
import { writeSync } from 'node:fs';
import { isErrno } from '#kernel/errors';

export interface Output {
  write(text: string | Uint8Array): void;
  line(text: string): void;
  /** The reader went away (EPIPE): what is written from now on is dropped. Something that follows a log should end. */
  readonly closed: boolean;
}

/** Milliseconds to wait for a reader that does not keep up with a non-blocking pipe. */
const RETRY_MS = 2;

/** The first argument of Atomics.wait: memory that nobody ever wakes. */
const never = new Int32Array(new SharedArrayBuffer(4));

type Write = (fd: number, bytes: Uint8Array) => number;

/** @throws the error of write(2) if it is neither EAGAIN nor EPIPE (a full disk behind a redirection, for one) */
export function outputTo(fd: number, write: Write = writeSync): Output {
  let closed = false;

  const push = (text: string | Uint8Array): void => {
    let bytes: Uint8Array = typeof text === 'string' ? Buffer.from(text) : text;
    while (bytes.length > 0 && !closed) {
      try {
        bytes = bytes.subarray(write(fd, bytes));
      } catch (error) {
        if (isErrno(error, 'EAGAIN')) Atomics.wait(never, 0, 0, RETRY_MS);
        else if (isErrno(error, 'EPIPE')) closed = true;
        else throw error;
      }
    }
  };
  return {
    write: push,
    line: (text) => push(`${text}\n`),
    get closed() {
      return closed;
    },
  };
}
