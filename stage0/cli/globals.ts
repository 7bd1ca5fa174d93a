/** The flags that every command has, before or behind its name (rkt-cli.md §1.1). */
import { PodctlError } from '#kernel/errors';
import { type Flag, type FlagValues, parsed, text, toggle } from './flag';

/** Checks that `--insecure-options` can switch off, and the groups of them. `ondisk` is accepted and does nothing. */
const INSECURE = {
  none: [],
  image: ['image'],
  tls: ['tls'],
  ondisk: [],
  http: ['http'],
  pubkey: ['pubkey'],
  capabilities: ['capabilities'],
  paths: ['paths'],
  seccomp: ['seccomp'],
  isolators: ['isolators'],
  'all-fetch': ['image', 'tls', 'http', 'pubkey'],
  'all-run': ['capabilities', 'paths', 'seccomp'],
  all: ['image', 'tls', 'http', 'pubkey', 'capabilities', 'paths', 'seccomp', 'isolators'],
} as const;

type InsecureWord = keyof typeof INSECURE;
/** A check that is switched off. */
export type InsecureOption = (typeof INSECURE)[InsecureWord][number];

const WORDS = Object.keys(INSECURE);
const isWord = (word: string): word is InsecureWord => Object.hasOwn(INSECURE, word);

function readInsecure(written: string, before: ReadonlySet<InsecureOption>): ReadonlySet<InsecureOption> {
  const off = new Set(before);
  for (const word of written.split(',').filter((part) => part !== '')) {
    if (!isWord(word)) throw new PodctlError('usage', `"${word}" is not one of ${WORDS.join(', ')}`);
    for (const option of INSECURE[word]) off.add(option);
  }
  return off;
}

const insecureOptions: Flag<ReadonlySet<InsecureOption>> = {
  summary: 'security checks to switch off, comma-separated',
  value: 'CHECK,…',
  choices: WORDS,
  shownDefault: 'none',
  initial: new Set(),
  read: readInsecure,
};

export const GLOBAL_FLAGS = {
  debug: toggle('print causes and stack traces of errors, and what is being done, to stderr'),
  dir: parsed(
    'where podctl keeps images and pods (default: the `paths` configuration, else /var/lib/podctl)',
    nonEmpty,
    {
      value: 'DIR',
      complete: 'directory',
    },
  ),
  systemConfig: text('system configuration directory', {
    value: 'DIR',
    default: '/usr/lib/podctl',
    complete: 'directory',
  }),
  localConfig: text('local configuration directory', { value: 'DIR', default: '/etc/podctl', complete: 'directory' }),
  userConfig: text('user configuration directory', { value: 'DIR', default: '', complete: 'directory' }),
  insecureOptions,
  trustKeysFromHttps: toggle('import public keys found by discovery over https without asking'),
  help: toggle('show help', { short: 'h' }),
};

function nonEmpty(written: string): string {
  if (written !== '') return written;
  throw new PodctlError('usage', 'empty');
}

export type Globals = Omit<FlagValues<typeof GLOBAL_FLAGS>, 'help'>;
