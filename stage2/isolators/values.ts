/** Readers of isolator values. @throws IsolatorProblem `invalid`, from each */
import { IsolatorProblem } from './types';

export const invalid = (what: string): IsolatorProblem => new IsolatorProblem('invalid', what);

const MAX_SHOWN = 60;
const shown = (value: unknown): string => JSON.stringify(value)?.slice(0, MAX_SHOWN) ?? 'nothing';

/** The members of an object, all of which must be among `names`. */
export function members(value: unknown, names: readonly string[]): ReadonlyMap<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(`its value must be an object, not ${shown(value)}`);
  }
  const found = new Map(Object.entries(value));
  for (const name of found.keys()) {
    if (!names.includes(name)) throw invalid(`its value has no member "${name}", only ${names.join(', ')}`);
  }
  return found;
}

/** Strings without NUL, at least one unless `mayBeEmpty`, each once. */
export function names(value: unknown, what: string): readonly string[] {
  if (!Array.isArray(value) || !value.every((one): one is string => typeof one === 'string')) {
    throw invalid(`"${what}" must be a list of strings, not ${shown(value)}`);
  }
  return [...new Set(value)];
}

/** An integer, also as the decimal string that older manifests have. */
export function integer(value: unknown, what: string, min: number, max: number): number {
  const number = typeof value === 'string' && /^[+-]?\d{1,15}$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isInteger(number) && number >= min && number <= max) return number;
  throw invalid(`${what} must be an integer from ${min} to ${max}, not ${shown(value)}`);
}

export function boolean(value: unknown, what: string): boolean {
  if (typeof value === 'boolean') return value;
  throw invalid(`${what} must be true or false, not ${shown(value)}`);
}

export function text(value: unknown, what: string): string {
  if (typeof value === 'string' && !value.includes('\0')) return value;
  throw invalid(`${what} must be a string, not ${shown(value)}`);
}

/** Powers of ten, in thousandths. */
const DECIMAL: Readonly<Record<string, bigint>> = {
  m: 1n, '': 10n ** 3n, k: 10n ** 6n, K: 10n ** 6n, M: 10n ** 9n, G: 10n ** 12n, T: 10n ** 15n, P: 10n ** 18n, E: 10n ** 21n,
}; // biome-ignore format: a table
const BINARY = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const MAX_DIGITS = 30;

function multiplierOf(suffix: string): bigint | undefined {
  const power = BINARY.indexOf(suffix) + 1;
  if (power > 0) return 1000n * 1024n ** BigInt(power);
  const exponent = /^[eE]([+-]?)(\d{1,2})$/.exec(suffix);
  if (exponent === null) return Object.hasOwn(DECIMAL, suffix) ? DECIMAL[suffix] : undefined;
  const [, sign, digits = ''] = exponent;
  const places = Number(digits);
  if (sign === '-') return places > 3 ? undefined : 10n ** BigInt(3 - places);
  return 10n ** BigInt(3 + places);
}

/**
 * A quantity in thousandths of its base unit (appc I5): `512Mi`, `1.5G`, `500m`, `1e6`, or a JSON number. What is finer than a
 * thousandth is rounded up.
 */
export function quantity(value: unknown, what: string): bigint {
  const written = typeof value === 'number' ? String(value) : value;
  const parts = typeof written === 'string' ? /^\+?(\d*)(?:\.(\d*))?([A-Za-z][-+\w]*)?$/.exec(written) : null;
  const [, whole = '', fraction = '', suffix = ''] = parts ?? [];
  const digits = whole + fraction;
  const multiplier = digits === '' || digits.length > MAX_DIGITS ? undefined : multiplierOf(suffix);
  if (multiplier === undefined) {
    throw invalid(`${what} must be a quantity such as 512Mi, 1.5G or 500m, not ${shown(value)}`);
  }
  const scale = 10n ** BigInt(fraction.length);
  return (BigInt(digits) * multiplier + scale - 1n) / scale;
}

/** The same as a whole number of base units, rounded up. */
export const wholeQuantity = (value: unknown, what: string): bigint => (quantity(value, what) + 999n) / 1000n;

/** The most that the kernel takes for a number of bytes. */
export const MAX_BYTES = 2n ** 63n - 1n;

export function within(value: bigint, what: string, min: bigint, max: bigint): bigint {
  if (value >= min && value <= max) return value;
  throw invalid(`${what} must be from ${min} to ${max}, not ${value}`);
}
