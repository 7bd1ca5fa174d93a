/** D-Bus type signatures (D-Bus specification, "Type System") as trees, and the values they stand for in TypeScript. */

/**
 * What a D-Bus value is here: y n q i u h d number · x t bigint · b boolean · s o g string · ay bytes · other arrays, structs
 * and dict entries arrays (so `new Map(value)` makes a map of an `a{…}`) · v Variant.
 */
export type Value = string | number | bigint | boolean | Uint8Array | readonly Value[] | Variant;

export interface Variant {
  readonly signature: string;
  readonly value: Value;
}

/** One complete type; `parts` are the element of an array (`a`), or the fields of a struct (`(`) or dict entry (`{`). */
export interface Type {
  readonly code: string;
  readonly align: number;
  readonly parts: readonly Type[];
}

const ALIGNMENT: Readonly<Record<string, number>> = {
  ...{ y: 1, g: 1, v: 1, n: 2, q: 2 },
  ...{ b: 4, i: 4, u: 4, h: 4, s: 4, o: 4, a: 4 },
  ...{ x: 8, t: 8, d: 8, '(': 8, '{': 8 },
};

/** The specification's limits: a signature is at most 255 bytes; arrays and structs nest at most 32 deep each. */
const MAX_SIGNATURE = 255;
const MAX_DEPTH = 64;

/** The complete types of a signature. @throws TypeError if it is not one */
export function parseSignature(signature: string): readonly Type[] {
  if (signature.length > MAX_SIGNATURE) throw new TypeError(`D-Bus signature longer than ${MAX_SIGNATURE} bytes`);
  return new Parser(signature).all();
}

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  all(): readonly Type[] {
    const types: Type[] = [];
    while (this.#at < this.#text.length) types.push(this.#one(0));
    return types;
  }

  #one(depth: number): Type {
    const code = this.#text[this.#at] ?? '';
    const align = ALIGNMENT[code];
    if (align === undefined || depth > MAX_DEPTH) throw this.#error();
    this.#at += 1;
    if (code === 'a') return { code, align, parts: [this.#one(depth + 1)] };
    if (code === '(') return { code, align, parts: this.#until(')', depth) };
    if (code !== '{') return { code, align, parts: [] };
    const parts = this.#until('}', depth);
    if (parts.length !== 2) throw this.#error();
    return { code, align, parts };
  }

  #until(close: string, depth: number): readonly Type[] {
    const parts: Type[] = [];
    while (this.#text[this.#at] !== close) parts.push(this.#one(depth + 1));
    if (parts.length === 0) throw this.#error();
    this.#at += 1;
    return parts;
  }

  #error(): TypeError {
    return new TypeError(`"${this.#text}" is not a D-Bus signature (at ${this.#at})`);
  }
}
