/** Untrusted JSON: strict UTF-8, bounded nesting, and syntax errors with line and column. */
import { messageOf } from '#kernel/errors';
import { SchemaError } from './decode';

/** Nesting beyond this is no manifest, and would overflow the stack of whoever walks the value. */
const MAX_DEPTH = 64;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** How many levels each byte opens. In UTF-8 no byte of a longer character is below 0x80, so bytes can be read singly. */
const LEVELS: ReadonlyMap<number, number> = new Map([
  [0x5b, 1],
  [0x7b, 1],
  [0x5d, -1],
  [0x7d, -1],
]);

function tooDeep(bytes: Uint8Array): boolean {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < bytes.length; i += 1) {
    const byte = bytes[i];
    if (inString && byte === BACKSLASH) i += 1;
    else if (byte === QUOTE) inString = !inString;
    else if (!inString && byte !== undefined) depth += LEVELS.get(byte) ?? 0;
    if (depth > MAX_DEPTH) return true;
  }
  return false;
}

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
  if (tooDeep(bytes)) throw new SchemaError('', `is nested more than ${MAX_DEPTH} levels deep`);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new SchemaError(placeOf(text), `is not JSON: ${messageOf(error).replace(/\s+/g, ' ')}`);
  }
}
