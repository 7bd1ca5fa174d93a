/** Reads fields of untrusted JSON and says where in the file a wrong one stands. */
import { PodctlError } from '#kernel/errors';
import { pathTo } from './json';

export type JsonObject = Readonly<Record<string, unknown>>;

/** A value in a configuration file. */
export interface Place {
  readonly file: string;
  /** The path to it in the document: `domains[0]`. */
  readonly at: string;
  /** `:3:14` behind the file's name: line and column of the value at a path, or of what is nearest around it. */
  position(at: string): string;
}

export function invalid(place: Place, why: string, hint?: string): PodctlError {
  const position = place.file + place.position(place.at);
  return new PodctlError('config-invalid', `${position}: ${place.at === '' ? why : `${place.at}: ${why}`}`, {
    position,
    ...(hint === undefined ? {} : { hint }),
  });
}

export const inside = (place: Place, key: string | number): Place => ({ ...place, at: pathTo(place.at, key) });

export function object(value: unknown, place: Place): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw invalid(place, 'must be an object');
}

/** Refuses what nobody reads: a misspelt field would otherwise do nothing, silently. */
export function onlyFields(value: JsonObject, known: readonly string[], place: Place): void {
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined) throw invalid(inside(place, unknown), `unknown field; there are ${known.join(', ')}`);
}

/** A string that says something. */
export function text(value: JsonObject, key: string, place: Place): string {
  const found = optionalText(value, key, place);
  if (found === undefined) throw invalid(inside(place, key), 'must be a string that is not empty');
  return found;
}

/** Absent and empty are the same, as in rkt. */
export function optionalText(value: JsonObject, key: string, place: Place): string | undefined {
  if (!Object.hasOwn(value, key)) return undefined;
  const found = value[key];
  if (typeof found !== 'string') throw invalid(inside(place, key), 'must be a string');
  if (found.includes('\0')) throw invalid(inside(place, key), 'must not contain a NUL character');
  return found === '' ? undefined : found;
}

/** At least one string, none empty, none twice. */
export function texts(value: JsonObject, key: string, place: Place): readonly string[] {
  const found = Object.hasOwn(value, key) ? value[key] : undefined;
  const here = inside(place, key);
  if (!Array.isArray(found) || found.length === 0) throw invalid(here, 'must be a list of at least one string');
  const seen = new Set<string>();
  found.forEach((item: unknown, index) => {
    if (typeof item !== 'string' || item === '')
      throw invalid(inside(here, index), 'must be a string that is not empty');
    if (seen.has(item)) throw invalid(inside(here, index), `"${item}" stands here twice`);
    seen.add(item);
  });
  return [...seen];
}

/** An absolute path. */
export function optionalPath(value: JsonObject, key: string, place: Place): string | undefined {
  const found = optionalText(value, key, place);
  if (found !== undefined && !found.startsWith('/')) throw invalid(inside(place, key), `"${found}" is not absolute`);
  return found;
}
