/**
 * Flags as values. A command declares `{ gracePeriod: duration('…', { default: '30m' }) }`; the flag is then called
 * `--grace-period`, and its handler reads `flags.gracePeriod` with the type the declaration gave it.
 */
import { PodctlError } from '#kernel/errors';
import { parseDuration } from '#kernel/quantity';

/** What the shell offers for a value: files, directories, or what `podctl __complete` prints. */
export type Completion = 'file' | 'directory' | 'pod' | 'app' | 'image' | 'command';

/** How a flag looks, whatever its type. */
export interface FlagOptions {
  /** Name of the value in help: `DIR`, `K=V`. */
  readonly value?: string;
  /** One letter: `h` for `-h`. */
  readonly short?: string;
  /** An older spelling, accepted and not shown. */
  readonly alias?: string;
  readonly hidden?: boolean;
  readonly complete?: Completion;
}

/** One flag of type T. `read` folds each occurrence into the value so far, which begins as `initial`. */
export interface Flag<T> extends FlagOptions {
  readonly summary: string;
  readonly initial: T;
  /** The value a bare `--flag` stands for; such a flag takes its value only as `--flag=value`. */
  readonly bare?: string;
  readonly choices?: readonly string[];
  /** The default as help shows it. */
  readonly shownDefault?: string;
  readonly repeated?: boolean;
  /** @throws PodctlError which the parser completes with the flag's name */
  read(text: string, before: T): T;
}

export type Flags = Readonly<Record<string, Flag<unknown>>>;

/** The object a handler gets for a declaration of flags. */
export type FlagValues<F extends Flags> = { readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never };

/** `gracePeriod` → `grace-period`. */
export const flagName = (key: string): string =>
  key.toLowerCase() === key ? key : key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

const TRUE = ['true', '1', 't', 'T', 'TRUE', 'True'];
const FALSE = ['false', '0', 'f', 'F', 'FALSE', 'False'];

function readBoolean(text: string): boolean {
  if (TRUE.includes(text)) return true;
  if (FALSE.includes(text)) return false;
  throw new PodctlError('usage', 'neither true nor false');
}

/** `--debug`, `--debug=false`. */
export function toggle(summary: string, options: FlagOptions & { readonly default?: boolean } = {}): Flag<boolean> {
  const { default: initial = false, ...look } = options;
  return {
    summary,
    bare: 'true',
    read: readBoolean,
    initial,
    ...(initial ? { shownDefault: 'true' } : {}),
    ...look,
  };
}

interface ParsedOptions extends FlagOptions {
  /** As the user would write it. */
  readonly default?: string;
  readonly bare?: string;
}

/** A flag of any type: `read` makes the value of the text, and throws PodctlError if it cannot. The last one wins. */
export function parsed<T>(
  summary: string,
  read: (text: string) => T,
  options: ParsedOptions & { default: string },
): Flag<T>;
export function parsed<T>(summary: string, read: (text: string) => T, options?: ParsedOptions): Flag<T | undefined>;
export function parsed<T>(
  summary: string,
  read: (text: string) => T,
  { default: written, ...look }: ParsedOptions = {},
): Flag<T | undefined> {
  if (written === undefined) return { summary, initial: undefined, read, ...look };
  return { summary, initial: read(written), read, ...(written === '' ? {} : { shownDefault: written }), ...look };
}

const verbatim = (text: string): string => text;

/** `--name=VALUE`; undefined when absent, unless there is a default. */
export function text(summary: string, options: FlagOptions & { readonly default: string }): Flag<string>;
export function text(summary: string, options?: FlagOptions): Flag<string | undefined>;
export function text(summary: string, options: ParsedOptions = {}): Flag<string | undefined> {
  return parsed(summary, verbatim, { value: 'TEXT', ...options });
}

/** `--net[=VALUE]`: the bare flag stands for `bare`; undefined when absent. */
export function optional(summary: string, options: FlagOptions & { readonly bare: string }): Flag<string | undefined> {
  return parsed(summary, verbatim, { value: 'TEXT', ...options });
}

function readDuration(written: string): number {
  const ms = parseDuration(written);
  if (ms !== undefined) return ms;
  throw new PodctlError('usage', 'not a duration', { hint: 'write it like 90s, 30m or 1h30m' });
}

/** `--grace-period=1h30m`, in milliseconds. */
export function duration(summary: string, options: FlagOptions & { readonly default: string }): Flag<number>;
export function duration(summary: string, options?: FlagOptions): Flag<number | undefined>;
export function duration(summary: string, options: ParsedOptions = {}): Flag<number | undefined> {
  return parsed(summary, readDuration, { value: 'DURATION', ...options });
}

function readChoice<const C extends string>(choices: readonly C[]) {
  return (written: string): C => {
    const found = choices.find((choice) => choice === written);
    if (found !== undefined) return found;
    throw new PodctlError('usage', `not one of ${choices.filter((choice) => choice !== '').join(', ')}`);
  };
}

/** `--format=json`: one of a fixed set. */
export function choice<const C extends string>(
  summary: string,
  choices: readonly C[],
  options: FlagOptions & { readonly default: NoInfer<C> },
): Flag<C>;
export function choice<const C extends string>(
  summary: string,
  choices: readonly C[],
  options?: FlagOptions,
): Flag<C | undefined>;
export function choice<const C extends string>(
  summary: string,
  choices: readonly C[],
  options: ParsedOptions = {},
): Flag<C | undefined> {
  const shown = choices.filter((written) => written !== '');
  return { ...parsed(summary, readChoice(choices), { value: shown.join('|'), ...options }), choices: shown };
}

/** `--set-env=A=1 --set-env=B=2`: every occurrence, in order. */
export function list(summary: string, options: FlagOptions = {}): Flag<readonly string[]> {
  return {
    summary,
    initial: [],
    repeated: true,
    read: (written, before) => [...before, written],
    value: 'TEXT',
    ...options,
  };
}

/** `--fields=id,name`: comma-separated, empty parts dropped; with `choices`, each must be one of them. The last one wins. */
export function csv<const C extends string = string>(
  summary: string,
  options: FlagOptions & { readonly choices?: readonly C[]; readonly default?: readonly NoInfer<C>[] } = {},
): Flag<readonly C[]> {
  const { choices, default: initial = [], ...look } = options;
  const one = choices === undefined ? (part: string) => part as C : readChoice(choices);
  return {
    summary,
    initial,
    read: (written) =>
      written
        .split(',')
        .filter((part) => part !== '')
        .map(one),
    value: 'A,B,…',
    ...(choices === undefined ? {} : { choices }),
    ...(initial.length === 0 ? {} : { shownDefault: initial.join(',') }),
    ...look,
  };
}
