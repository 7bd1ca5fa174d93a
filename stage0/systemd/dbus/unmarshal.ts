/** Bytes to values. Every read is bounds-checked: a damaged message is a RangeError or TypeError, never a hang. */
import { alignTo, parseSignature, type Type, type Value } from './signature';

/** The specification's limit on the length of an array, in bytes. */
const MAX_ARRAY = 64 * 1024 * 1024;
/** Variants in variants: the specification's limit on the depth of a message. */
const MAX_NESTING = 64;

/** @throws TypeError, RangeError if the bytes are not values of this signature */
export function unmarshal(signature: string, bytes: Uint8Array, littleEndian = true): readonly Value[] {
  const reader = new Reader(bytes, littleEndian);
  return parseSignature(signature).map((type) => reader.read(type, 0));
}

class Reader {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  readonly #little: boolean;
  #at = 0;

  constructor(bytes: Uint8Array, littleEndian: boolean) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#little = littleEndian;
  }

  read(type: Type, nesting: number): Value {
    this.#at = alignTo(this.#at, type.align);
    switch (type.code) {
      case 'y':
        return this.#view.getUint8(this.#step(1));
      case 'n':
        return this.#view.getInt16(this.#step(2), this.#little);
      case 'q':
        return this.#view.getUint16(this.#step(2), this.#little);
      case 'i':
        return this.#view.getInt32(this.#step(4), this.#little);
      case 'u':
      case 'h':
        return this.#uint32();
      case 'x':
        return this.#view.getBigInt64(this.#step(8), this.#little);
      case 't':
        return this.#view.getBigUint64(this.#step(8), this.#little);
      case 'd':
        return this.#view.getFloat64(this.#step(8), this.#little);
      case 'b':
        return this.#boolean();
      case 's':
      case 'o':
        return this.#string(this.#uint32());
      case 'g':
        return this.#string(this.#view.getUint8(this.#step(1)));
      case 'a':
        return this.#array(type, nesting);
      case 'v':
        return this.#variant(nesting);
      default:
        return type.parts.map((part) => this.read(part, nesting));
    }
  }

  #boolean(): boolean {
    const value = this.#uint32();
    if (value > 1) throw new RangeError(`a D-Bus boolean is ${value}`);
    return value === 1;
  }

  #string(length: number): string {
    const start = this.#step(length + 1);
    if (this.#bytes[start + length] !== 0) throw new RangeError('a D-Bus string does not end with NUL');
    return this.#bytes.toString('utf8', start, start + length);
  }

  #array(type: Type, nesting: number): Value {
    const [element] = type.parts;
    const length = this.#uint32();
    if (element === undefined || length > MAX_ARRAY) throw new RangeError(`a D-Bus array of ${length} bytes`);
    this.#at = alignTo(this.#at, element.align);
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError('a D-Bus array reaches beyond its message');
    if (element.code === 'y') return Buffer.from(this.#bytes.subarray(this.#step(length), end));
    const items: Value[] = [];
    while (this.#at < end) items.push(this.read(element, nesting));
    if (this.#at !== end) throw new RangeError('the elements of a D-Bus array do not fill it');
    return items;
  }

  #variant(nesting: number): Value {
    if (nesting > MAX_NESTING) throw new RangeError('D-Bus variants nest too deep');
    const signature = this.#string(this.#view.getUint8(this.#step(1)));
    const [type, ...more] = parseSignature(signature);
    if (type === undefined || more.length > 0) throw new TypeError(`"${signature}" is not one D-Bus type`);
    return { signature, value: this.read(type, nesting + 1) };
  }

  #uint32(): number {
    return this.#view.getUint32(this.#step(4), this.#little);
  }

  /** Advances by `size` and returns where it was. */
  #step(size: number): number {
    const start = this.#at;
    this.#at += size;
    if (this.#at > this.#bytes.length) throw new RangeError('a D-Bus value reaches beyond its message');
    return start;
  }
}
