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

/** The next multiple of `align`, a power of two. */
export const alignTo = (at: number, align: number): number => (at + align - 1) & -align;

/** The specification's limits: a signature is at most 255 bytes; arrays and structs nest at most 32 deep each. */
const MAX_SIGNATURE = 255;
const MAX_DEPTH = 64;

/** A message has one variant per property, and few different signatures: parsing each once halves the work of reading it. */
const parsed = new Map<string, readonly Type[]>();
/** A peer that invents signatures must not fill our memory. */
const MAX_PARSED = 256;

/** The complete types of a signature. @throws TypeError if it is not one */
export function parseSignature(signature: string): readonly Type[] {
  const known = parsed.get(signature);
  if (known !== undefined) return known;
  if (signature.length > MAX_SIGNATURE) throw new TypeError(`D-Bus signature longer than ${MAX_SIGNATURE} bytes`);
  const types = new Parser(signature).all();
  if (parsed.size < MAX_PARSED) parsed.set(signature, types);
  return types;
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
