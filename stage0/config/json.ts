/**
 * JSON (RFC 8259) with positions: says where a document is wrong, in syntax or in sense, without quoting from it (there
 * are passwords in these files), and refuses a name that stands twice in one object.
 */

/** No kind of file nests deeper than three. */
const MAX_DEPTH = 32;

const SPACE = /[ \t\n\r]*/y;
/** A class of Unicode takes a third of a millisecond to look up, and most starts read no configuration: made when it is used. */
const string = (): RegExp => /"(?:[^"\\\p{Cc}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /true|false|null/y;

export class JsonError extends Error {
  readonly offset: number;
  constructor(why: string, offset: number) {
    super(why);
    this.offset = offset;
  }
}

export interface Located {
  readonly value: unknown;
  /** Where each value stands, by its path (`a.b[0]`; the document is ``). */
  readonly offsets: ReadonlyMap<string, number>;
}

export const pathTo = (parent: string, key: string | number): string =>
  typeof key === 'number' ? `${parent}[${key}]` : parent === '' ? key : `${parent}.${key}`;

/** @throws JsonError */
export function parseJson(text: string): Located {
  const reader = new Reader(text);
  const value = reader.value('', 0);
  reader.end();
  return { value, offsets: reader.offsets };
}

class Reader {
  readonly offsets = new Map<string, number>();
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(path: string, depth: number): unknown {
    this.#take(SPACE);
    this.offsets.set(path, this.#at);
    if (depth > MAX_DEPTH) throw new JsonError(`nested deeper than ${MAX_DEPTH}`, this.#at);
    if (this.#next('{')) return this.#object(path, depth);
    if (this.#next('[')) return this.#array(path, depth);
    const token = this.#take(string()) ?? this.#take(NUMBER) ?? this.#take(WORD);
    if (token === undefined) throw this.#unexpected('a value');
    return JSON.parse(token);
  }

  end(): void {
    this.#take(SPACE);
    if (this.#at < this.#text.length) throw this.#unexpected('the end of the file');
  }

  #object(path: string, depth: number): unknown {
    const found = new Map<string, unknown>();
    this.#take(SPACE);
    if (this.#next('}')) return {};
    for (;;) {
      this.#take(SPACE);
      const start = this.#at;
      const token = this.#take(string());
      if (token === undefined) throw this.#unexpected('a name in double quotes');
      const name: string = JSON.parse(token);
      if (found.has(name)) throw new JsonError('this name stands twice in its object', start);
      this.#take(SPACE);
      if (!this.#next(':')) throw this.#unexpected('":"');
      found.set(name, this.value(pathTo(path, name), depth + 1));
      this.#take(SPACE);
      if (this.#next('}')) return Object.fromEntries(found);
      if (!this.#next(',')) throw this.#unexpected('"," or "}"');
    }
  }

  #array(path: string, depth: number): unknown {
    const found: unknown[] = [];
    this.#take(SPACE);
    if (this.#next(']')) return found;
    for (;;) {
      found.push(this.value(pathTo(path, found.length), depth + 1));
      this.#take(SPACE);
      if (this.#next(']')) return found;
      if (!this.#next(',')) throw this.#unexpected('"," or "]"');
    }
  }

  #next(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #take(token: RegExp): string | undefined {
    token.lastIndex = this.#at;
    const found = token.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #unexpected(wanted: string): JsonError {
    const what = this.#at >= this.#text.length ? 'the file ends' : 'not JSON';
    return new JsonError(`${what} where ${wanted} is expected`, this.#at);
  }
}
