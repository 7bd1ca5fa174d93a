/** Untrusted JSON: strict UTF-8, bounded nesting, and syntax errors with line and column. */
import { messageOf } from '#kernel/errors';
import { SchemaError } from './decode';

/** Nesting beyond this is no manifest, and would overflow the stack of whoever walks the value. */
const MAX_DEPTH = 64;

/** V8's parser needs no stack for levels, and this goes no deeper than is allowed. A value has fewer parts than its text has bytes. */
const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((member) => isDeeper(member, levels - 1)));

/** True if `text` is the beginning of a JSON document, as far as V8's messages tell. */
function mayContinue(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    const problem = messageOf(error);
    const position = /at position (\d+)/.exec(problem)?.[1];
    return /^(?:Unexpected end|Unterminated)/.test(problem) || Number(position ?? -1) >= text.length;
  }
}

/** Line and column of the first character that cannot be: V8 does not always say, so it is asked about beginnings. */
function placeOf(text: string): string {
  let [good, bad] = [0, text.length];
  while (good + 1 < bad) {
    const middle = Math.floor((good + bad) / 2);
    if (mayContinue(text.slice(0, middle))) good = middle;
    else bad = middle;
  }
  const before = text.slice(0, good);
  return `line ${before.split('\n').length}, column ${before.length - before.lastIndexOf('\n')}`;
}

/** @throws SchemaError whose `at` is a line and column */
export function parseJson(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    // ignored: the decoder says no more than this message does
    throw new SchemaError('', 'is not UTF-8 text');
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new SchemaError(placeOf(text), `is not JSON: ${messageOf(error).replace(/\s+/g, ' ')}`);
  }
  if (isDeeper(value, MAX_DEPTH)) throw new SchemaError('', `is nested more than ${MAX_DEPTH} levels deep`);
  return value;
}
