/** The faces of a command: a table for people, JSON for programs, one form of error for both. */
import { ERRORS } from '#kernel/error-table';
import { errnoOf, messageOf, PodctlError } from '#kernel/errors';
import { redact } from './redact';

/** Values of `--format`; the empty one is the table. */
export const FORMATS = ['', 'json', 'json-pretty'] as const;
export type Format = (typeof FORMATS)[number];

/** JSON with a final newline, `json-pretty` indented by tabs as rkt's. */
export const jsonText = (value: unknown, format: Exclude<Format, ''>): string =>
  `${format === 'json' ? JSON.stringify(value) : JSON.stringify(value, null, '\t')}\n`;

const TAB = 8;

/** Makes names that come out of images harmless to a terminal and to the table. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it is about
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;
export const printable = (text: string): string =>
  text.replace(CONTROL, (found) => `\\x${found.charCodeAt(0).toString(16).padStart(2, '0')}`);

/** In characters; nearly every cell is ASCII, and a thousand pods have thousands of cells. */
const width = (cell: string): number => (/^[ -~]*$/.test(cell) ? cell.length : [...cell].length);

/** A table aligned with tabs as rkt's (Go's tabwriter, tab width 8, padding 1): every cell but a row's last is padded. */
export function table(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map(printable));
  const widths: number[] = [];
  for (const row of cells) {
    row.slice(0, -1).forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, width(cell) + 1);
    });
  }
  const pad = (cell: string, column: number): string => {
    const stop = Math.ceil((widths[column] ?? 0) / TAB);
    return cell + '\t'.repeat(stop - Math.floor(width(cell) / TAB));
  };
  return cells.map((row) => `${row.map((cell, i) => (i < row.length - 1 ? pad(cell, i) : cell)).join('')}\n`).join('');
}

export interface ErrorView {
  /** The command that failed, if the command line got that far. */
  readonly command: string | undefined;
  readonly json: boolean;
  readonly debug: boolean;
}

/** A system call that failed where nobody had more to say of it is the host's; anything else not explained is our defect. */
function explained(error: unknown): PodctlError {
  if (error instanceof PodctlError) return error;
  const errno = errnoOf(error);
  if (errno === undefined) return new PodctlError('internal', messageOf(error), { cause: error });
  const hint = errno === 'ENOSPC' || errno === 'EDQUOT' ? { hint: 'free some space, or choose another --dir' } : {};
  return new PodctlError('io', messageOf(error), { cause: error, ...hint });
}

/** What stderr says of an error. */
export function errorText(error: unknown, view: ErrorView): string {
  const known = explained(error);
  const { code, message, position, hint } = known;
  if (view.json) {
    const body = { code, message, hint, position, exit: known.exitStatus };
    const redacted = JSON.stringify({ error: body }, (_, value) => (typeof value === 'string' ? redact(value) : value));
    return `${redacted}\n`;
  }
  const lines = [`podctl: ${view.command === undefined ? '' : `${view.command}: `}${code}: ${message}`];
  if (position !== undefined) lines.push(`  at ${position}`);
  if (hint !== undefined) lines.push(`  hint: ${hint}`);
  if (view.debug) lines.push(...causes(known));
  return `${redact(lines.join('\n'))}\n`;
}

/** The chain of causes as a tree, then the stack of the innermost one. */
function causes(error: Error): string[] {
  const lines: string[] = [];
  let innermost = error;
  for (let depth = 1; innermost.cause instanceof Error && depth < 20; depth += 1) {
    innermost = innermost.cause;
    lines.push(`${'  '.repeat(depth)}└─${innermost.message}`);
  }
  return [...lines, innermost.stack ?? ''];
}

/** The exit status of whatever was thrown. */
export const exitStatusOf = (error: unknown): number =>
  error instanceof PodctlError ? error.exitStatus : ERRORS.internal.exit;
