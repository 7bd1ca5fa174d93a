/**
 * Reads the configuration of one kind from all directories. Without configuration files this costs one readdir for each
 * directory, which most commands pay at start-up: nothing else is opened.
 */
import fs from 'node:fs';
import path from 'node:path';
import { isErrno, messageOf, PodctlError } from '#kernel/errors';
import { inside, invalid, type JsonObject, object, type Place, text } from './decode';
import { type ConfigDirs, inOrder } from './dirs';
import { JsonError, type Located, parseJson } from './json';
import { KINDS, type Kind, type Values } from './kinds';

/** Far above any real file; a limit for what is read by mistake. */
const MAX_FILE_SIZE = 1 << 20;

/** The names of the header's fields; rkt's are taken as they are. */
const HEADERS = [
  ['podctlKind', 'podctlVersion'],
  ['rktKind', 'rktVersion'],
] as const;

/** @throws PodctlError `config-invalid`, `io` */
export function loadKind<K extends Kind>(dirs: ConfigDirs, kind: K): ReadonlyMap<string, Values[K]> {
  const merged = new Map<string, Values[K]>();
  for (const directory of inOrder(dirs)) {
    for (const [key, { value }] of loadDirectory(path.join(directory, KINDS[kind].directory), kind))
      merged.set(key, value);
  }
  return merged;
}

interface Found<K extends Kind> {
  readonly value: Values[K];
  readonly file: string;
}

function loadDirectory<K extends Kind>(directory: string, kind: K): ReadonlyMap<string, Found<K>> {
  const found = new Map<string, Found<K>>();
  for (const file of filesIn(directory)) {
    const document = readDocument(file);
    const { place } = document;
    const { name, version, body } = header(document);
    const row = Object.hasOwn(KINDS, name) ? KINDS[name as Kind] : undefined;
    if (row === undefined || row.directory !== KINDS[kind].directory) {
      throw invalid(place, `kind "${name}" does not belong into ${path.basename(directory)}`);
    }
    if (!Object.hasOwn(row.versions, version)) throw invalid(place, `version "${version}" of ${name} is not known`);
    if (name !== kind) continue;
    for (const [key, value] of KINDS[kind].versions[version]?.(body, place) ?? []) {
      const before = found.get(key);
      if (before !== undefined) throw invalid(place, `"${key}" is already set by ${before.file}`, 'say it in one file');
      found.set(key, { value, file });
    }
  }
  return found;
}

/** Regular files only, as in rkt: neither symbolic links nor what is below. */
function filesIn(directory: string): readonly string[] {
  try {
    return fs
      .readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.json'))
      .map((entry) => path.join(directory, entry.name))
      .sort();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw new PodctlError('io', `${directory}: ${messageOf(error)}`, { cause: error });
  }
}

interface Document {
  readonly fields: JsonObject;
  readonly place: Place;
}

function readDocument(file: string): Document {
  const content = readText(file);
  let located: Located;
  try {
    located = parseJson(content);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw invalid({ file, at: '', position: () => lineAndColumn(content, error.offset) }, error.message);
  }
  const { value, offsets } = located;
  const position = (at: string): string => lineAndColumn(content, offsets.get(at) ?? 0);
  const place = { file, at: '', position };
  return { fields: object(value, place), place };
}

function readText(file: string): string {
  try {
    if (fs.statSync(file).size <= MAX_FILE_SIZE) return fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw new PodctlError('io', `${file}: ${messageOf(error)}`, { cause: error });
  }
  throw invalid({ file, at: '', position: () => '' }, `larger than ${MAX_FILE_SIZE} bytes`);
}

function lineAndColumn(content: string, offset: number): string {
  const lines = content.slice(0, offset).split('\n');
  return `:${lines.length}:${(lines.at(-1)?.length ?? 0) + 1}`;
}

function header({ fields, place }: Document): { name: string; version: string; body: JsonObject } {
  const present = HEADERS.filter((names) => names.some((name) => Object.hasOwn(fields, name)));
  const [names, another] = present;
  if (names === undefined) throw invalid(place, `${HEADERS[0].join(' and ')} are missing`);
  if (another !== undefined) throw invalid(inside(place, another[0]), `${names[0]} is there too`);
  const { [names[0]]: _kind, [names[1]]: _version, ...body } = fields;
  return { name: text(fields, names[0], place), version: text(fields, names[1], place), body };
}
