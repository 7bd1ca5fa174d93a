/** A small registry with every form a command can have. Handlers record what they got. */
import { command, commandSpec, many, maybe, type RawParsed, required, some } from '../../../stage0/cli/command';
import { choice, csv, duration, list, optional, parsed, text, toggle } from '../../../stage0/cli/flag';
import type { Registry } from '../../../stage0/cli/lookup';
import { type Invocation, parseCommandLine } from '../../../stage0/cli/parse';
import { FORMATS } from '../../../stage0/cli/present';

const never = async (): Promise<{ run: () => Promise<number> }> => ({ run: async () => 0 });

export const gc = commandSpec({
  name: 'gc',
  summary: 'collect garbage',
  args: {},
  flags: {
    gracePeriod: duration('how long exited pods stay', { default: '30m' }),
    markOnly: toggle('do not delete'),
    pretty: toggle('indent', { default: true }),
  },
  privilege: 'root',
});

export const imageList = commandSpec({
  name: 'image list',
  summary: 'list images',
  description: 'First paragraph.\n\nSecond paragraph.',
  args: { images: many('IMAGE', 'image') },
  flags: {
    fields: csv('columns', { choices: ['id', 'name', 'size'], default: ['id', 'name'] }),
    format: choice('JSON instead of a table', FORMATS, { default: '' }),
    tag: list('label', { value: 'K=V' }),
    secret: text('not for people', { hidden: true }),
  },
  privilege: 'any',
  exitCodes: [{ status: '1', when: 'an image was unreadable' }],
  examples: [{ line: 'podctl image list', does: 'All images' }],
});

export const imageRm = commandSpec({
  name: 'image rm',
  summary: 'remove images',
  args: { images: some('IMAGE', 'image') },
  flags: {},
  privilege: 'any',
});

export const enter = commandSpec({
  name: 'enter',
  summary: 'run a command in an app',
  args: { uuid: required('UUID', 'pod'), words: many('CMD') },
  flags: { app: text('name of the app', { short: 'a' }) },
  leadingFlags: true,
  privilege: 'root',
});

const readWait = (written: string): number | boolean => (written === 'true' ? true : Number.parseInt(written, 10));

export const status = commandSpec({
  name: 'status',
  summary: 'show a pod',
  args: { uuid: maybe('UUID', 'pod') },
  flags: { wait: parsed('wait for its end', readWait, { bare: 'true', value: 'DURATION' }) },
  privilege: 'any',
});

export const stop = commandSpec({
  name: 'stop',
  summary: 'stop pods',
  args: { uuids: some('UUID', 'pod') },
  flags: { uuidFile: text('file', { value: 'FILE', complete: 'file' }) },
  privilege: 'any',
});

export const run = commandSpec({
  name: 'run',
  summary: 'run images',
  args: {},
  flags: {
    net: optional('network', { bare: 'default', value: 'NET' }),
    setEnv: list('environment of all apps', { value: 'K=V' }),
    name: text('name of the pod'),
    detach: toggle('leave the pod running'),
  },
  images: {
    flags: {
      exec: text('program', { value: 'PATH' }),
      name: text('name of the app'),
      environment: list('environment of the app', { value: 'K=V' }),
      capsRetain: csv('capabilities', { alias: 'cap-retain' }),
      readonlyRootfs: toggle('read-only root'),
    },
    arguments: true,
  },
  privilege: 'root',
});

export const fetch = commandSpec({
  name: 'fetch',
  summary: 'fetch images',
  args: {},
  flags: { full: toggle('whole IDs') },
  images: { flags: { signature: text('signature') }, arguments: false },
  privilege: 'any',
});

export const hidden = commandSpec({
  name: '__complete',
  summary: 'words for the shell',
  args: {},
  flags: {},
  privilege: 'any',
  hidden: true,
});

export const registry: Registry = {
  commands: [gc, imageList, imageRm, enter, status, stop, run, fetch, hidden].map((spec) => command(spec, never)),
  groups: { image: 'operate on images' },
};

export const parse = (...argv: readonly string[]): Invocation => parseCommandLine(argv, registry);
export const raw = (...argv: readonly string[]): RawParsed => parse(...argv).parsed;

/** The name of what was called. */
export function called(...argv: readonly string[]): string {
  const { topic } = parse(...argv);
  return topic.kind === 'command' ? topic.command.spec.name : topic.kind === 'group' ? `${topic.name}…` : '';
}
