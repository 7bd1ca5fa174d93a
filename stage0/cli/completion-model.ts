/** What the completion of every shell is made of. */
import type { CommandSpec } from './command';
import { type Completion, type Flag, type Flags, flagName } from './flag';
import { GLOBAL_FLAGS } from './globals';
import { visibleFlags } from './help';
import { type Registry, ROOT, wordsBelow } from './lookup';

export interface CompletableFlag {
  /** `--format` */
  readonly word: string;
  readonly summary: string;
  /** Takes the word behind it, if that is not joined by `=`. */
  readonly takesWord: boolean;
  readonly choices: readonly string[];
  readonly complete: Completion | undefined;
}

/** A place in the tree of commands: the root (''), a group or a command. */
export interface Place {
  readonly name: string;
  readonly words: readonly { readonly word: string; readonly summary: string }[];
  readonly flags: readonly CompletableFlag[];
  /** What positional arguments are. */
  readonly argument: Completion | undefined;
}

export interface CompletionModel {
  readonly places: readonly Place[];
  readonly globals: readonly CompletableFlag[];
}

const completable = (flags: Flags): CompletableFlag[] =>
  visibleFlags(flags).map(([key, flag]: readonly [string, Flag<unknown>]) => ({
    word: `--${flagName(key)}`,
    summary: flag.summary,
    takesWord: flag.bare === undefined,
    choices: flag.choices ?? [],
    complete: flag.complete,
  }));

function commandPlace(spec: CommandSpec): Place {
  const own = completable(spec.flags);
  const ofImages = completable(spec.images?.flags ?? {}).filter(({ word }) => own.every((flag) => flag.word !== word));
  const argument = spec.images === undefined ? Object.values(spec.args).find((arg) => arg.complete)?.complete : 'image';
  return { name: spec.name, words: [], flags: [...own, ...ofImages], argument };
}

export function completionModel(registry: Registry): CompletionModel {
  const summaryOf = (name: string): string =>
    registry.commands.find(({ spec }) => spec.name === name)?.spec.summary ?? registry.groups[name] ?? '';
  const branch = (name: string): Place => ({
    name,
    words: wordsBelow(registry, name === '' ? ROOT : { kind: 'group', name }).map((word) => ({
      word,
      summary: summaryOf(name === '' ? word : `${name} ${word}`),
    })),
    flags: [],
    argument: undefined,
  });
  const visible = registry.commands.filter(({ spec }) => spec.hidden !== true);
  const groups = Object.keys(registry.groups).filter((name) =>
    visible.some(({ spec }) => spec.name.startsWith(`${name} `)),
  );
  return {
    places: [branch(''), ...groups.map(branch), ...visible.map(({ spec }) => commandPlace(spec))],
    globals: completable(GLOBAL_FLAGS),
  };
}
