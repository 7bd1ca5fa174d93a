/** argv → what is to be done. Knows the grammar of the command line, and no command in particular. */
import { PodctlError } from '#kernel/errors';
import type { Args, CommandSpec, RawParsed } from './command';
import type { FlagValues } from './flag';
import { isFlag, openScope, readFlag, type Scope } from './flags';
import { GLOBAL_FLAGS, type Globals } from './globals';
import { readImages } from './image-args';
import { descend, type Registry, ROOT, type Topic } from './lookup';

export interface Invocation {
  /** What was called. A root or a group cannot run: it was called for its help, or by mistake. */
  readonly topic: Topic;
  readonly help: boolean;
  readonly globals: Globals;
  readonly parsed: RawParsed;
}

/** A usage error, and what the words before it had called. */
export class UsageError extends PodctlError {
  readonly topic: Topic;

  constructor(cause: PodctlError, topic: Topic) {
    const { hint, position } = cause;
    super(cause.code, cause.message, {
      cause: cause.cause,
      ...(hint === undefined ? {} : { hint }),
      ...(position === undefined ? {} : { position }),
    });
    this.topic = topic;
  }
}

const NOTHING: RawParsed = { flags: {}, args: {}, given: new Set(), apps: [] };

/** @throws UsageError */
export function parseCommandLine(argv: readonly string[], registry: Registry): Invocation {
  const globalScope = openScope(GLOBAL_FLAGS);
  let topic = ROOT;
  try {
    let at = 0;
    while (topic.kind !== 'command' && at < argv.length) {
      const word = argv[at] ?? '';
      if (isFlag(word)) {
        at = readFlag(argv, at, [globalScope]);
      } else {
        topic = descend(registry, topic, word);
        at += 1;
      }
    }
    const parsed = topic.kind === 'command' ? readCommand(argv, at, topic.command.spec, globalScope) : NOTHING;
    // The scope was opened for GLOBAL_FLAGS and their own readers filled it.
    const { help, ...globals } = globalScope.values as FlagValues<typeof GLOBAL_FLAGS>;
    return { topic, help, globals, parsed };
  } catch (error) {
    throw error instanceof PodctlError ? new UsageError(error, topic) : error;
  }
}

function readCommand(argv: readonly string[], start: number, spec: CommandSpec, globalScope: Scope): RawParsed {
  const own = openScope(spec.flags);
  const scopes = [own, globalScope];
  const askedForHelp = (): boolean => globalScope.values['help'] === true;

  if (spec.images !== undefined) {
    const { words, next } = readLeading(argv, start, scopes, Object.keys(spec.args).length);
    const apps = readImages(argv, next, scopes, spec.images);
    const args = askedForHelp() ? {} : assign(words, spec);
    return { flags: own.values, given: own.given, args, apps };
  }
  const words = readWords(argv, start, scopes, spec.leadingFlags === true);
  const args = askedForHelp() ? {} : assign(words, spec);
  return { flags: own.values, given: own.given, args, apps: [] };
}

/** The first `count` words that are no flags, and flags of the command between them: what stands before the images. */
function readLeading(
  argv: readonly string[],
  start: number,
  scopes: readonly Scope[],
  count: number,
): { readonly words: readonly string[]; readonly next: number } {
  const words: string[] = [];
  let next = start;
  while (words.length < count && next < argv.length) {
    const word = argv[next] ?? '';
    if (word === '--' || word === '---') break;
    if (isFlag(word)) {
      next = readFlag(argv, next, scopes);
    } else {
      words.push(word);
      next += 1;
    }
  }
  return { words, next };
}

/** Reads flags into the scopes and returns the other words. */
function readWords(argv: readonly string[], start: number, scopes: readonly Scope[], leadingFlags: boolean): string[] {
  const words: string[] = [];
  let at = start;
  while (at < argv.length) {
    const word = argv[at] ?? '';
    if (word === '--') return [...words, ...argv.slice(at + 1)];
    if (isFlag(word)) {
      at = readFlag(argv, at, scopes);
    } else if (leadingFlags) {
      return argv.slice(at);
    } else {
      words.push(word);
      at += 1;
    }
  }
  return words;
}

/** `UUID [CMD…]` */
export const describeArgs = (args: Args): string =>
  Object.values(args)
    .map((arg) => {
      const name = arg.repeated ? `${arg.name}…` : arg.name;
      return arg.min === 0 ? `[${name}]` : name;
    })
    .join(' ');

/** Gives the words to the declared arguments in order; only the last may be repeated. */
function assign(words: readonly string[], spec: CommandSpec): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  let rest = words;
  for (const [key, arg] of Object.entries(spec.args)) {
    if (rest.length < arg.min) {
      const hint = `usage: podctl ${spec.name} ${describeArgs(spec.args)}`;
      throw new PodctlError('usage', `missing argument ${arg.name}`, { hint });
    }
    values[key] = arg.repeated ? rest : rest[0];
    rest = arg.repeated ? [] : rest.slice(1);
  }
  if (rest[0] === undefined) return values;
  const takes = describeArgs(spec.args);
  throw new PodctlError('usage', `unexpected argument "${rest[0]}"`, {
    hint: takes === '' ? `${spec.name} takes no arguments` : `usage: podctl ${spec.name} ${takes}`,
  });
}
