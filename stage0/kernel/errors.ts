/** The one error type of podctl. What its codes mean, and the exit status of each, stands in error-table.ts. */
import { ERRORS, type ErrorCode } from './error-table';

export interface ErrorContext {
  /** What to do next; replaces the hint of the table. */
  readonly hint?: string;
  /** Where in the input: `file:line:column`, or a path inside an archive or a JSON document. */
  readonly position?: string;
  readonly cause?: unknown;
}

/** A failure podctl can explain. `message` says what failed, on which object and why, in one line. */
export class PodctlError extends Error {
  override readonly name = 'PodctlError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly position: string | undefined;

  constructor(code: ErrorCode, message: string, context: ErrorContext = {}) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    this.code = code;
    this.hint = context.hint ?? ERRORS[code].hint;
    this.position = context.position;
  }

  get exitStatus(): number {
    return ERRORS[this.code].exit;
  }
}

/** The errno name (`ENOENT`, …) of a failed system call made by Node or by the addon. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' && /^E[A-Z0-9]+$/.test(error.code) ? error.code : undefined;
}

/** True if `error` is a failed system call with one of these errno names. */
export const isErrno = (error: unknown, ...names: readonly string[]): boolean => {
  const code = errnoOf(error);
  return code !== undefined && names.includes(code);
};

/** The text of anything thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
