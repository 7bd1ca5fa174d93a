/** Help texts, rendered from the registry with the sections of rkt's template. */
import type { CommandSpec } from './command';
import { type Flag, type Flags, flagName } from './flag';
import { GLOBAL_FLAGS } from './globals';
import type { Registry, Topic } from './lookup';
import { describeArgs } from './parse';
import { VERSION } from './version';

export const PROGRAM_SUMMARY = 'run signed application images as systemd services';
export const PROGRAM_DESCRIPTION = `podctl runs signed application images as pods, and each pod is one systemd service. There is no daemon: podctl fetches,
verifies and prepares, systemd supervises, the journal keeps the logs, a timer collects the garbage.`;

const WIDTH = 100;
const INDENT = '    ';

/** Breaks text at spaces so that no line, its indentation included, is longer than WIDTH. */
function wrap(text: string, indent: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && indent + line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/** Paragraphs of prose, each wrapped anew; a paragraph that begins with a space stays as it is. */
const prose = (text: string): string =>
  text
    .split('\n\n')
    .map((paragraph) => (paragraph.startsWith(' ') ? paragraph : wrap(paragraph, INDENT.length).join('\n')))
    .join('\n\n');

type Entry = readonly [left: string, right: string];

/** Two columns, the right one wrapped; a left cell that is too wide gets a line of its own. */
function columns(entries: readonly Entry[]): string {
  const widest = Math.max(...entries.map(([left]) => (left.length > 34 ? 0 : left.length)), 8);
  const gap = widest + 2;
  return entries
    .map(([left, right]) => {
      const [first = '', ...rest] = wrap(right, INDENT.length + gap);
      const margin = INDENT + ' '.repeat(gap);
      const opening =
        left.length > widest ? `${INDENT}${left}\n${margin}${first}` : `${INDENT}${left.padEnd(gap)}${first}`;
      return [opening, ...rest.map((line) => margin + line)].join('\n').trimEnd();
    })
    .join('\n');
}

/** `--net[=TEXT]`, `-h, --help`. */
export function flagUsage(key: string, flag: Flag<unknown>): string {
  const name = `${flag.short === undefined ? '' : `-${flag.short}, `}--${flagName(key)}`;
  if (flag.value === undefined) return name;
  return flag.bare === undefined ? `${name}=${flag.value}` : `${name}[=${flag.value}]`;
}

/** The summary with what the declaration knows besides: choices, default, repetition. */
export function flagSummary(flag: Flag<unknown>): string {
  const notes: string[] = [];
  if (flag.choices !== undefined && flag.value !== flag.choices.join('|'))
    notes.push(`any of ${flag.choices.join(', ')}`);
  if (flag.repeated === true) notes.push('may be repeated');
  if (flag.shownDefault !== undefined) notes.push(`default ${flag.shownDefault}`);
  return notes.length === 0 ? flag.summary : `${flag.summary} (${notes.join('; ')})`;
}

export const visibleFlags = (flags: Flags): (readonly [string, Flag<unknown>])[] =>
  Object.entries(flags).filter(([, flag]) => flag.hidden !== true);

const flagTable = (flags: Flags): string =>
  columns(visibleFlags(flags).map(([key, flag]) => [flagUsage(key, flag), flagSummary(flag)]));

/** `podctl image list [OPTIONS] [IMAGE…]` */
export function usageLine(spec: CommandSpec): string {
  const options = Object.keys(spec.flags).length > 0 ? ' [OPTIONS]' : '';
  const args = Object.keys(spec.args).length > 0 ? ` ${describeArgs(spec.args)}` : '';
  return `podctl ${spec.name}${options}${args}${spec.images === undefined ? '' : imageUsage(spec.images.arguments)}`;
}

const imageUsage = (takesArguments: boolean): string =>
  takesArguments
    ? ' IMAGE [IMAGE OPTIONS] [-- ARGUMENT…] [--- IMAGE [IMAGE OPTIONS] [-- ARGUMENT…]]…'
    : ' IMAGE [IMAGE OPTIONS] [IMAGE [IMAGE OPTIONS]]…';

/** What each exit status means, the common ones included. */
export const exitStatuses = (spec: CommandSpec): readonly Entry[] => [
  ['0', 'success'],
  ...(spec.exitCodes ?? []).map(({ status, when }): Entry => [status, when]),
  ['254', 'podctl failed; stderr says why, with a stable code'],
];

/** Commands a topic leads to, in the order of the registry, hidden ones left out. */
export const commandsBelow = (registry: Registry, prefix = ''): readonly CommandSpec[] =>
  registry.commands.map(({ spec }) => spec).filter((spec) => spec.hidden !== true && spec.name.startsWith(prefix));

type Section = readonly [title: string, body: string];

const sections = (parts: readonly (Section | undefined)[]): string =>
  parts
    .filter((part) => part !== undefined)
    .map(([title, body]) => `${title}:\n${body}\n`)
    .join('\n');

const indented = (text: string): string =>
  text
    .split('\n')
    .map((line) => (line === '' ? '' : INDENT + line))
    .join('\n');

const globalOptions = (): Section => ['GLOBAL OPTIONS', flagTable(GLOBAL_FLAGS)];

const commandTable = (registry: Registry, prefix = ''): Section => [
  'COMMANDS',
  columns(commandsBelow(registry, prefix).map((spec): Entry => [spec.name, spec.summary])),
];

const rootHelp = (registry: Registry): string =>
  sections([
    ['NAME', indented(`podctl - ${PROGRAM_SUMMARY}`)],
    ['USAGE', indented('podctl [GLOBAL OPTIONS] COMMAND [ARGUMENT…]')],
    ['VERSION', indented(VERSION)],
    commandTable(registry),
    ['DESCRIPTION', indented(prose(PROGRAM_DESCRIPTION))],
    globalOptions(),
  ]);

const groupHelp = (registry: Registry, name: string): string =>
  sections([
    ['NAME', indented(`podctl ${name} - ${registry.groups[name] ?? ''}`)],
    ['USAGE', indented(`podctl ${name} COMMAND [ARGUMENT…]`)],
    commandTable(registry, `${name} `),
    globalOptions(),
  ]);

function commandHelp(spec: CommandSpec): string {
  const has = (flags: Flags | undefined): flags is Flags => flags !== undefined && visibleFlags(flags).length > 0;
  return sections([
    ['NAME', indented(`podctl ${spec.name} - ${spec.summary}`)],
    ['USAGE', indented(usageLine(spec))],
    spec.description === undefined ? undefined : ['DESCRIPTION', indented(prose(spec.description))],
    has(spec.flags) ? ['OPTIONS', flagTable(spec.flags)] : undefined,
    has(spec.images?.flags) ? ['IMAGE OPTIONS (each behind its image)', flagTable(spec.images.flags)] : undefined,
    globalOptions(),
    spec.examples === undefined
      ? undefined
      : ['EXAMPLES', spec.examples.map(({ line, does }) => `${INDENT}# ${does}\n${INDENT}${line}`).join('\n\n')],
    ['EXIT STATUS', columns(exitStatuses(spec))],
  ]);
}

export function helpText(topic: Topic, registry: Registry): string {
  switch (topic.kind) {
    case 'root':
      return rootHelp(registry);
    case 'group':
      return groupHelp(registry, topic.name);
    case 'command':
      return commandHelp(topic.command.spec);
  }
}
