/** `--volume` and `--mount`: comma-separated words `key=value`, as rkt takes them (rkt-cli.md §1.3). */
import { PodctlError } from '#kernel/errors';
import { SchemaError } from '../../image/decode';
import { type Mount, mount, type Volume, volume } from '../../image/pod-schema';

const TRUE = ['true', '1', 't', 'T', 'TRUE', 'True'];
const FALSE = ['false', '0', 'f', 'F', 'FALSE', 'False'];
const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  K: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
};

// A word that is not what it should be goes to the decoder as it is: it says what it wants there.
const asFlag = (word: string): unknown => (TRUE.includes(word) ? true : FALSE.includes(word) ? false : word);
const asNumber = (word: string): unknown => (/^[0-9]{1,15}$/.test(word) ? Number(word) : word);
const asText = (word: string): unknown => word;
const asBytes = (word: string): unknown => {
  const [, digits = '', unit = ''] = /^([0-9]{1,12})([KMG]i?)?$/.exec(word) ?? [];
  return digits === '' ? word : Number(digits) * (UNITS[unit] ?? 1);
};

const VOLUME_WORDS: Readonly<Record<string, (word: string) => unknown>> = {
  kind: asText,
  source: asText,
  readOnly: asFlag,
  recursive: asFlag,
  propagation: asText,
  follow: asFlag,
  mode: asText,
  uid: asNumber,
  gid: asNumber,
  size: asBytes,
};
const MOUNT_WORDS: Readonly<Record<string, (word: string) => unknown>> = { volume: asText, target: asText };

function words(
  text: string,
  known: Readonly<Record<string, (word: string) => unknown>>,
): Readonly<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const part of text.split(',')) {
    const at = part.indexOf('=');
    const key = at < 0 ? part : part.slice(0, at);
    const read = Object.hasOwn(known, key) ? known[key] : undefined;
    if (at < 0 || read === undefined) {
      throw new PodctlError('usage', `"${part}" is not one of ${Object.keys(known).join('=, ')}=`);
    }
    if (Object.hasOwn(found, key)) throw new PodctlError('usage', `${key} is given twice`);
    found[key] = read(part.slice(at + 1));
  }
  return found;
}

function decoded<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    throw new PodctlError('usage', `${error.at} ${error.message}`, { cause: error });
  }
}

/** `NAME,kind=host,source=/srv,readOnly=true`; `kind=tmpfs` is an empty volume in memory. @throws PodctlError `usage` */
export function readVolume(text: string): Volume {
  const comma = text.indexOf(',');
  if (comma < 0) throw new PodctlError('usage', 'kind= is missing', { hint: 'write NAME,kind=host,source=/PATH' });
  const { kind, ...rest } = words(text.slice(comma + 1), VOLUME_WORDS);
  const memory = kind === 'tmpfs';
  const document = {
    name: text.slice(0, comma),
    ...rest,
    ...(memory ? { kind: 'empty', medium: 'memory' } : { kind }),
  };
  return decoded(() => volume(document, ''));
}

/** `volume=NAME,target=/PATH` @throws PodctlError `usage` */
export function readMount(text: string): Mount {
  const { volume: name, target } = words(text, MOUNT_WORDS);
  if (name === undefined || target === undefined) throw new PodctlError('usage', 'wants volume= and target=');
  return decoded(() => mount({ volume: name, path: target }, ''));
}

/** `name=NAME,kind=host,source=/srv,target=/data`: a volume and where it is mounted (rkt's `app add --mnt-volume`). */
export function readMountedVolume(text: string): { readonly volume: Volume; readonly mount: Mount } {
  const parts = text.split(',');
  const take = (key: string): string => {
    const at = parts.findIndex((part) => part.startsWith(`${key}=`));
    const [found = ''] = at < 0 ? [] : parts.splice(at, 1);
    if (found === '') throw new PodctlError('usage', `wants ${key}=`);
    return found.slice(key.length + 1);
  };
  const [name, target] = [take('name'), take('target')];
  return { volume: readVolume([name, ...parts].join()), mount: readMount(`volume=${name},target=${target}`) };
}

/** Reads every occurrence of a flag; an error names the flag and the word. */
export const wordsOf = <T>(flag: string, written: readonly string[], read: (text: string) => T): readonly T[] =>
  written.map((text) => {
    try {
      return read(text);
    } catch (error) {
      if (!(error instanceof PodctlError)) throw error;
      throw new PodctlError(error.code, `${flag}=${text}: ${error.message}`, {
        cause: error,
        ...(error.hint === undefined ? {} : { hint: error.hint }),
      });
    }
  });
