/**
 * A command as a value. `commands/NAME.ts` holds what help, man page and completion need, as data; `commands/NAME.run.ts`
 * holds its handler and is loaded only when the command runs.
 */
import type { Context } from './context';
import type { Completion, Flags, FlagValues } from './flag';

/** A positional argument. */
export interface Arg<T> {
  /** As in the usage line: `UUID`. */
  readonly name: string;
  readonly min: 0 | 1;
  readonly repeated: boolean;
  readonly complete?: Completion;
  /** Never there: carries T, which is string, string | undefined or readonly string[] by min and repeated. */
  readonly type?: T;
}

export type Args = Readonly<Record<string, Arg<unknown>>>;
export type ArgValues<A extends Args> = { readonly [K in keyof A]: A[K] extends Arg<infer T> ? T : never };

const positional =
  <T>(min: 0 | 1, repeated: boolean) =>
  (name: string, complete?: Completion): Arg<T> => ({ name, min, repeated, ...(complete ? { complete } : {}) });

/** `UUID` */
export const required = positional<string>(1, false);
/** `[UUID]` */
export const maybe = positional<string | undefined>(0, false);
/** `UUID…` */
export const some = positional<readonly string[]>(1, true);
/** `[UUID…]` */
export const many = positional<readonly string[]>(0, true);

export interface CommandSpec {
  /** The words that call it: `run`, `image list`. */
  readonly name: string;
  /** One line, no full stop. */
  readonly summary: string;
  /** Paragraphs, separated by empty lines. */
  readonly description?: string;
  /** Positional arguments in order; before the images, if the command takes images. */
  readonly args: Args;
  readonly flags: Flags;
  /** True: everything from the first positional argument on is an argument (`enter UUID ls --all`). */
  readonly leadingFlags?: boolean;
  /** The command takes images in the grammar of image-args.ts: these flags follow their image. */
  readonly images?: {
    readonly flags: Flags;
    /** Whether `-- ARGS` may follow an image. */
    readonly arguments: boolean;
  };
  readonly privilege: 'root' | 'any';
  /** Exit status of its own failures where rkt's differs from that of the error; not of a command line that cannot be read. */
  readonly failureStatus?: number;
  /** Besides 0 and 254, which every command has. */
  readonly exitCodes?: readonly { readonly status: string; readonly when: string }[];
  readonly examples?: readonly { readonly line: string; readonly does: string }[];
  readonly hidden?: boolean;
}

/** One image of the command line, its flags, and what stood between `--` and `---`. */
export interface ImageArgs<F extends Flags> {
  readonly image: string;
  readonly flags: FlagValues<F>;
  /** Keys of the flags that were written out. */
  readonly given: ReadonlySet<string>;
  readonly args: readonly string[];
}

/** What a handler gets, typed by the command's declaration. */
export type Parsed<S extends CommandSpec> = {
  readonly flags: FlagValues<S['flags']>;
  readonly args: ArgValues<S['args']>;
  /** Keys of the flags that were written out. */
  readonly given: ReadonlySet<string>;
} & (S extends { readonly images: { readonly flags: infer F extends Flags } }
  ? { readonly apps: readonly ImageArgs<F>[] }
  : unknown);

/** Resolves to the exit status. Failures are thrown as PodctlError. */
export type Handler<S extends CommandSpec> = (context: Context, parsed: Parsed<S>) => Promise<number>;

/** What the parser makes of a command line, before the declaration's types are put on it. */
export interface RawParsed {
  readonly flags: Readonly<Record<string, unknown>>;
  readonly args: Readonly<Record<string, unknown>>;
  readonly given: ReadonlySet<string>;
  readonly apps: readonly ImageArgs<Flags>[];
}

export interface Command {
  readonly spec: CommandSpec;
  execute(context: Context, parsed: RawParsed): Promise<number>;
}

/** Declares a command's data; the result's type is what `Handler` is computed from. */
export const commandSpec = <const S extends CommandSpec>(spec: S): S => spec;

/** Ties a command's data to the module that exports its `run`. */
export function command<S extends CommandSpec>(spec: S, load: () => Promise<{ readonly run: Handler<S> }>): Command {
  return {
    spec,
    // The parser filled exactly the keys of this spec with values its flags and arguments made.
    execute: async (context, parsed) => (await load()).run(context, parsed as unknown as Parsed<S>),
  };
}
