/** Values to bytes: the D-Bus marshalling rules (D-Bus specification, "Marshaling"), little-endian. */
import { alignTo, parseSignature, type Type, type Value, type Variant } from './signature';

/** @throws TypeError if the values do not have the types of the signature */
export function marshal(signature: string, values: readonly Value[]): Buffer {
  const types = parseSignature(signature);
  if (types.length !== values.length) throw mismatch(signature, values);
  const writer = new Writer();
  for (const [index, type] of types.entries()) writer.write(type, values[index]);
  return writer.bytes();
}

const INTEGER_BITS: Readonly<Record<string, number>> = { y: 8, n: -16, q: 16, i: -32, u: 32, h: 32, x: -64, t: 64 };

class Writer {
  #buffer = Buffer.alloc(1024);
  #at = 0;

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  write(type: Type, value: Value | undefined): void {
    this.#pad(type.align);
    switch (type.code) {
      case 'a':
        this.#array(type, value);
        break;
      case '(':
      case '{':
        this.#fields(type, value);
        break;
      case 'v':
        this.#variant(value);
        break;
      case 's':
      case 'o':
        this.#string(value, 4);
        break;
      case 'g':
        this.#string(value, 1);
        break;
      case 'b':
        if (typeof value !== 'boolean') throw mismatch('b', value);
        this.#uint32(value ? 1 : 0);
        break;
      case 'd':
        if (typeof value !== 'number') throw mismatch('d', value);
        this.#at = this.#room(8).writeDoubleLE(value, this.#at);
        break;
      default:
        this.#integer(type.code, value);
    }
  }

  #integer(code: string, value: Value | undefined): void {
    const bits = INTEGER_BITS[code] ?? 0;
    const size = Math.abs(bits) / 8;
    const buffer = this.#room(size);
    if (size === 8) {
      if (typeof value !== 'bigint') throw mismatch(code, value);
      const fits = bits < 0 ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value);
      if (fits !== value) throw mismatch(code, value);
      buffer.writeBigUInt64LE(BigInt.asUintN(64, value), this.#at);
    } else {
      const modulus = 2 ** (size * 8);
      const [least, most] = bits < 0 ? [-modulus / 2, modulus / 2 - 1] : [0, modulus - 1];
      if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
        throw mismatch(code, value);
      }
      buffer.writeUIntLE(value < 0 ? value + modulus : value, this.#at, size);
    }
    this.#at += size;
  }

  /** Length (of `size` bytes), text, NUL. */
  #string(value: Value | undefined, size: 1 | 4): void {
    if (typeof value !== 'string' || value.includes('\0')) throw mismatch(size === 1 ? 'g' : 's', value);
    const length = Buffer.byteLength(value);
    this.#room(size).writeUIntLE(length, this.#at, size);
    this.#at += size;
    this.#at += this.#room(length + 1).write(value, this.#at);
    this.#buffer[this.#at++] = 0;
  }

  /** The length counts the elements, not the padding between the length and the first of them. */
  #array(type: Type, value: Value | undefined): void {
    const [element] = type.parts;
    if (element === undefined) throw mismatch('a', value);
    const lengthAt = this.#at;
    this.#uint32(0);
    this.#pad(element.align);
    const start = this.#at;
    if (element.code === 'y' && value instanceof Uint8Array) {
      this.#room(value.length).set(value, start);
      this.#at += value.length;
    } else if (Array.isArray(value)) for (const item of value) this.write(element, item);
    else throw mismatch('a', value);
    this.#buffer.writeUInt32LE(this.#at - start, lengthAt);
  }

  #fields(type: Type, value: Value | undefined): void {
    if (!Array.isArray(value) || value.length !== type.parts.length) throw mismatch(type.code, value);
    for (const [index, part] of type.parts.entries()) this.write(part, value[index]);
  }

  #variant(value: Value | undefined): void {
    if (!isVariant(value)) throw mismatch('v', value);
    const [type, ...more] = parseSignature(value.signature);
    if (type === undefined || more.length > 0) throw mismatch('v', value);
    this.#string(value.signature, 1);
    this.write(type, value.value);
  }

  #uint32(value: number): void {
    this.#at = this.#room(4).writeUInt32LE(value, this.#at);
  }

  #pad(align: number): void {
    // The buffer is zeroes beyond what was written.
    const end = alignTo(this.#at, align);
    this.#room(end - this.#at);
    this.#at = end;
  }

  #room(size: number): Buffer {
    const needed = this.#at + size;
    if (needed > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(needed, this.#buffer.length * 2));
      this.#buffer.copy(larger, 0, 0, this.#at);
      this.#buffer = larger;
    }
    return this.#buffer;
  }
}

function isVariant(value: Value | undefined): value is Variant {
  return typeof value === 'object' && 'signature' in value;
}

function mismatch(code: string, value: unknown): TypeError {
  return new TypeError(`a value of D-Bus type ${code} cannot be made of ${describe(value)}`);
}

const describe = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? JSON.stringify(value) : typeof value;
