/** Finds commands by their words; unambiguous prefixes do (`podctl im l`), and a group (`image`) is a topic of help. */
import { PodctlError } from '#kernel/errors';
import type { Command } from './command';
import { nearest } from './suggest';

/** All commands, and what the words that only begin others (`image`) are about. */
export interface Registry {
  readonly commands: readonly Command[];
  readonly groups: Readonly<Record<string, string>>;
  /** It lacks commands, so a word has to be written out. */
  readonly isPartial?: boolean;
}

/** Where a walk along the words stands. */
export type Topic =
  | { readonly kind: 'root' }
  | { readonly kind: 'group'; readonly name: string }
  | { readonly kind: 'command'; readonly command: Command };

export const ROOT: Topic = { kind: 'root' };

const below = (topic: Topic): string => (topic.kind === 'group' ? `${topic.name} ` : '');

/** The words that may follow: first words of commands at the root, second words in a group. */
export function wordsBelow(registry: Registry, topic: Topic, hidden = false): string[] {
  if (topic.kind === 'command') return [];
  const prefix = below(topic);
  const words = registry.commands
    .filter(({ spec }) => spec.name.startsWith(prefix) && (hidden || spec.hidden !== true))
    .map(({ spec }) => spec.name.slice(prefix.length).split(' ')[0] ?? '');
  return [...new Set(words)];
}

/**
 * Goes one word down from `topic`.
 * @throws PodctlError `usage` for an unknown or ambiguous word
 */
export function descend(registry: Registry, topic: Topic, word: string): Topic {
  const visible = wordsBelow(registry, topic);
  if (wordsBelow(registry, topic, true).includes(word)) return topicOf(registry, below(topic) + word);
  const isBeginning = word !== '' && registry.isPartial !== true;
  const starting = visible.filter((candidate) => isBeginning && candidate.startsWith(word));
  if (starting[0] !== undefined && starting.length === 1) return topicOf(registry, below(topic) + starting[0]);

  const name = below(topic) + word;
  if (starting.length > 1) {
    throw new PodctlError('usage', `ambiguous command "${name}"`, { hint: `it could be ${starting.join(', ')}` });
  }
  const meant = nearest(word, visible);
  const hint =
    meant === undefined ? 'the commands are listed by podctl help' : `did you mean "${below(topic)}${meant}"?`;
  throw new PodctlError('usage', `unknown command "${name}"`, { hint });
}

function topicOf(registry: Registry, name: string): Topic {
  const found = registry.commands.find(({ spec }) => spec.name === name);
  return found === undefined ? { kind: 'group', name } : { kind: 'command', command: found };
}
