/**
 * Decoders of JSON values: each takes a value and where it stands in the document, and returns what it means or throws a
 * SchemaError. Small and without dependencies, since every warm start decodes a manifest.
 */

/** `problem` is a sentence about the value at `at`, for example `app.ports[0].port`. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError';
  readonly at: string;

  constructor(at: string, problem: string) {
    super(problem);
    this.at = at;
  }
}

export type Decode<T> = (value: unknown, at: string) => T;

const describe = (value: unknown): string => {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object'
    ? 'an object'
    : `${typeof value} ${JSON.stringify(value)?.slice(0, 60) ?? ''}`.trim();
};

const wanted = (what: string, value: unknown, at: string): never => {
  throw new SchemaError(
    at,
    value === undefined ? `is missing; it must be ${what}` : `must be ${what}, not ${describe(value)}`,
  );
};

export const text: Decode<string> = (value, at) => (typeof value === 'string' ? value : wanted('a string', value, at));
export const flag: Decode<boolean> = (value, at) =>
  typeof value === 'boolean' ? value : wanted('true or false', value, at);
export const anything: Decode<unknown> = (value, at) => (value === undefined ? wanted('given', value, at) : value);

export const integer =
  (min: number, max: number): Decode<number> =>
  (value, at) =>
    typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
      ? value
      : wanted(`an integer from ${min} to ${max}`, value, at);

/** A string for which `test` holds; `what` completes "must be …". */
export const textWhere =
  (what: string, test: (value: string) => boolean): Decode<string> =>
  (value, at) => {
    const string = text(value, at);
    return test(string) ? string : wanted(what, string, at);
  };

export const oneOf =
  <const T extends string>(...values: readonly T[]): Decode<T> =>
  (value, at) =>
    values.find((candidate) => candidate === value) ?? wanted(values.map((one) => `"${one}"`).join(' or '), value, at);

export const list =
  <T>(item: Decode<T>): Decode<readonly T[]> =>
  (value, at) =>
    Array.isArray(value) ? value.map((one, index) => item(one, `${at}[${index}]`)) : wanted('an array', value, at);

/** A list in which no two items have the same key. */
export const uniqueList =
  <T>(item: Decode<T>, keyName: string, key: (item: T) => string): Decode<readonly T[]> =>
  (value, at) => {
    const items = list(item)(value, at);
    const seen = new Set<string>();
    for (const [index, one] of items.entries()) {
      if (seen.has(key(one))) throw new SchemaError(`${at}[${index}].${keyName}`, `"${key(one)}" is given twice`);
      seen.add(key(one));
    }
    return items;
  };

/** An object from any key to a string. It has no prototype, so that a key `__proto__` is a key like any other. */
export const textMap: Decode<Readonly<Record<string, string>>> = (value, at) => {
  const map: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [key, one] of Object.entries(asObject(value, at))) map[key] = text(one, `${at}[${JSON.stringify(key)}]`);
  return map;
};

const asObject = (value: unknown, at: string): object =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : wanted('an object', value, at);

/** The members of an object. Unknown ones are ignored, as the specification lets later versions add some. */
export class Members {
  readonly #value: object;
  readonly #at: string;

  constructor(value: unknown, at: string) {
    this.#value = asObject(value, at === '' ? 'the document' : at);
    this.#at = at;
  }

  required<T>(name: string, decode: Decode<T>): T {
    return decode(this.#get(name), this.#path(name));
  }

  /** Whether the member is there, and not null. */
  has(name: string): boolean {
    const value = this.#get(name);
    return value !== undefined && value !== null;
  }

  /** `{}` if the member is absent or null (Go writes null for an empty list), else `{ name: decoded }`. */
  optional<const K extends string, T>(name: K, decode: Decode<T>): { readonly [P in K]?: T } {
    const value = this.#get(name);
    if (value === undefined || value === null) return {};
    return { [name]: decode(value, this.#path(name)) } as { readonly [P in K]: T };
  }

  /** The list, empty if the member is absent or null. */
  listOf<T>(name: string, decode: Decode<readonly T[]>): readonly T[] {
    const value = this.#get(name);
    return value === undefined || value === null ? [] : decode(value, this.#path(name));
  }

  #get(name: string): unknown {
    return Object.hasOwn(this.#value, name) ? (this.#value as Record<string, unknown>)[name] : undefined;
  }

  #path(name: string): string {
    return this.#at === '' ? name : `${this.#at}.${name}`;
  }
}
