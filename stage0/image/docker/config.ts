/** The configuration of a Docker or OCI image: what to execute and how, and which layers it is made of. */
import { type Decode, flag, integer, list, Members, SchemaError, text, textMap } from '../decode';
import { decoding, digest, MAX_LAYERS } from './documents';
import { type Healthcheck, healthcheck } from './health';
import type { Digest } from './port';

/** Histories of hundreds of steps with long command lines have some 100 KiB. */
export const MAX_CONFIG_BYTES = 4 * 1024 * 1024;

export interface HistoryStep {
  readonly created?: string;
  readonly created_by?: string;
  readonly author?: string;
  readonly comment?: string;
  readonly empty_layer?: boolean;
}

export interface ExecutionConfig {
  readonly User?: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly WorkingDir?: string;
  readonly StopSignal?: string;
  readonly Labels: Readonly<Record<string, string>>;
  /** Paths and ports are the keys of objects. */
  readonly Volumes: readonly string[];
  readonly ExposedPorts: readonly string[];
  readonly Healthcheck?: Healthcheck;
  /** The same as it stands in the document. */
  readonly writtenHealthcheck?: unknown;
  /** Of CMD-SHELL health checks; builds are over. */
  readonly Shell: readonly string[];
}

export interface ImageConfig {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly created?: string;
  readonly author?: string;
  readonly comment?: string;
  readonly config: ExecutionConfig;
  /** Digests of the expanded layers, lowest first. */
  readonly diffIds: readonly Digest[];
  readonly history: readonly HistoryStep[];
}

/** Docker's own programs take a single word for a list of one. */
const words: Decode<readonly string[]> = (value, at) => (typeof value === 'string' ? [value] : list(word)(value, at));
const word: Decode<string> = (value, at) => {
  const written = text(value, at);
  if (written.includes('\0')) throw new SchemaError(at, 'has a NUL byte');
  return written;
};

const keys: Decode<readonly string[]> = (value, at) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new SchemaError(at, 'must be an object');
  return Object.keys(value).map((key) => word(key, at));
};

const step: Decode<HistoryStep> = (value, at) => {
  const members = new Members(value, at);
  return {
    ...members.optional('created', text),
    ...members.optional('created_by', text),
    ...members.optional('author', text),
    ...members.optional('comment', text),
    ...members.optional('empty_layer', flag),
  };
};

const execution: Decode<ExecutionConfig> = (value, at) => {
  const members = new Members(value, at);
  return {
    ...members.optional('User', word),
    Env: members.listOf('Env', words),
    Entrypoint: members.listOf('Entrypoint', words),
    Cmd: members.listOf('Cmd', words),
    ...members.optional('WorkingDir', word),
    ...members.optional('StopSignal', stopSignal),
    Labels: members.optional('Labels', textMap).Labels ?? {},
    Volumes: members.listOf('Volumes', keys),
    ExposedPorts: members.listOf('ExposedPorts', keys),
    ...members.optional('Healthcheck', healthcheck(words)),
    ...writtenHealthcheck(members),
    Shell: members.listOf('Shell', words),
  };
};

function writtenHealthcheck(members: Members): Pick<ExecutionConfig, 'writtenHealthcheck'> {
  const { Healthcheck: written } = members.optional('Healthcheck', (one) => one);
  return written === undefined ? {} : { writtenHealthcheck: written };
}

const stopSignal: Decode<string> = (value, at) =>
  typeof value === 'number' ? String(integer(1, 64)(value, at)) : word(value, at);

const NO_EXECUTION: ExecutionConfig = {
  Env: [],
  Entrypoint: [],
  Cmd: [],
  Labels: {},
  Volumes: [],
  ExposedPorts: [],
  Shell: [],
};

const diffIds: Decode<readonly Digest[]> = (value, at) => {
  const found = new Members(value, at).listOf('diff_ids', list(digest));
  if (found.length > MAX_LAYERS) throw new SchemaError(`${at}.diff_ids`, `has more than ${MAX_LAYERS} layers`);
  return found;
};

/** @throws PodctlError `image-document-invalid` */
export const decodeConfig = (bytes: Uint8Array): ImageConfig =>
  decoding('the configuration of the image', bytes, MAX_CONFIG_BYTES, (value) => {
    const members = new Members(value, '');
    return {
      os: members.optional('os', text).os ?? 'linux',
      architecture: members.optional('architecture', text).architecture ?? '',
      ...members.optional('variant', text),
      ...members.optional('created', text),
      ...members.optional('author', text),
      ...members.optional('comment', text),
      config: members.optional('config', execution).config ?? NO_EXECUTION,
      diffIds: members.required('rootfs', diffIds),
      history: members.listOf('history', list(step)),
    };
  });
