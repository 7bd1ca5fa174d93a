/** Reads flags as Go's pflag does: `--flag=value`, `--flag value`, `--bool`, `--bool=false`, `-h`. */
import { PodctlError } from '#kernel/errors';
import { type Flag, type Flags, flagName } from './flag';
import { nearest } from './suggest';

/** A declaration of flags and the values read for it so far. */
export interface Scope {
  readonly flags: Flags;
  readonly values: Record<string, unknown>;
  readonly given: Set<string>;
}

export function openScope(flags: Flags): Scope {
  const values = Object.fromEntries(Object.entries(flags).map(([key, flag]) => [key, flag.initial]));
  return { flags, values, given: new Set() };
}

/** `-` alone is a positional argument (standard input, by custom). */
export const isFlag = (word: string): boolean => word.length > 1 && word.startsWith('-');

/** Finds a flag by the word it was called with (`--name`, `-n`): its key and declaration. */
export function findFlag(flags: Flags, word: string): readonly [key: string, flag: Flag<unknown>] | undefined {
  return Object.entries(flags).find(([key, flag]) => {
    if (!word.startsWith('--')) return flag.short !== undefined && word === `-${flag.short}`;
    const name = word.slice(2);
    return name === flagName(key) || name === flag.alias;
  });
}

/** Every `--name` of these declarations that is shown to people. */
export const flagWords = (declarations: readonly Flags[]): string[] =>
  declarations.flatMap((flags) =>
    Object.entries(flags)
      .filter(([, flag]) => flag.hidden !== true)
      .map(([key]) => `--${flagName(key)}`),
  );

/** A word split at its first `=`, if there is one behind the dashes. */
export function splitFlag(word: string): { readonly name: string; readonly value: string | undefined } {
  const equals = word.indexOf('=');
  return equals < 0 ? { name: word, value: undefined } : { name: word.slice(0, equals), value: word.slice(equals + 1) };
}

export function unknownFlag(name: string, known: readonly string[]): PodctlError {
  const meant = name.startsWith('--') ? nearest(name, known) : undefined;
  const hint = meant === undefined ? 'the flags are listed by --help' : `did you mean ${meant}?`;
  return new PodctlError('usage', `unknown flag ${name}`, { hint });
}

/** The flags of `-it`: of one letter, and without a value. Empty for any other word. */
export function bundledFlags(word: string, scopes: readonly Scope[]): readonly string[] {
  if (!/^-[A-Za-z]{2,}$/.test(word)) return [];
  const flags = [...word.slice(1)].map((letter) => `-${letter}`);
  const isBare = (flag: string): boolean => scopes.some((scope) => findFlag(scope.flags, flag)?.[1].bare !== undefined);
  return flags.every(isBare) ? flags : [];
}

/**
 * Reads the flag at `argv[at]` into the first scope that knows it.
 * @returns the index behind the flag and its value
 * @throws PodctlError `usage`
 */
export function readFlag(argv: readonly string[], at: number, scopes: readonly Scope[]): number {
  const { name, value } = splitFlag(argv[at] ?? '');
  const bundle = bundledFlags(argv[at] ?? '', scopes);
  for (const flag of bundle) readFlag([flag], 0, scopes);
  if (bundle.length > 0) return at + 1;
  for (const scope of scopes) {
    const found = findFlag(scope.flags, name);
    if (found === undefined) continue;
    const [key, flag] = found;
    const ownValue = value ?? flag.bare;
    const written = ownValue ?? argv[at + 1];
    if (written === undefined) {
      throw new PodctlError('usage', `${name} needs a value`, { hint: `write ${name}=${flag.value ?? 'VALUE'}` });
    }
    scope.values[key] = readValue(flag, name, written, scope.values[key]);
    scope.given.add(key);
    return at + (ownValue === undefined ? 2 : 1);
  }
  throw unknownFlag(name, flagWords(scopes.map((scope) => scope.flags)));
}

function readValue(flag: Flag<unknown>, name: string, written: string, before: unknown): unknown {
  try {
    return flag.read(written, before);
  } catch (error) {
    if (!(error instanceof PodctlError)) throw error;
    throw new PodctlError(error.code, `invalid value "${written}" for ${name}: ${error.message}`, {
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      cause: error,
    });
  }
}
