/** The fields of a tar header block (pax(1) "ustar Interchange Format", GNU tar's basic format). */
import { type ByteString, fromBytes } from './byte-string';

export const BLOCK = 512;

const CHECKSUM_AT = 148;
const CHECKSUM_END = 156;
const SPACE = 0x20;

/** The text up to the first NUL. */
export function textField(block: Buffer, start: number, length: number): ByteString {
  const nul = block.indexOf(0, start);
  const end = nul < 0 || nul > start + length ? start + length : nul;
  return fromBytes(block.subarray(start, end));
}

/** A number in octal text, or in GNU's base-256 for what octal cannot hold. Undefined if it is neither. */
export function numberField(block: Buffer, start: number, length: number): number | undefined {
  const first = block[start] ?? 0;
  if (first === 0x80 || first === 0xff) return base256(block, start, length);
  let at = start;
  const end = start + length;
  while (at < end && block[at] === SPACE) at += 1;
  let value = 0;
  for (; at < end; at += 1) {
    const byte = block[at] ?? 0;
    if (byte === 0 || byte === SPACE) break;
    if (byte < 0x30 || byte > 0x37) return undefined;
    value = value * 8 + (byte - 0x30);
  }
  for (; at < end; at += 1) if (block[at] !== 0 && block[at] !== SPACE) return undefined;
  return Number.isSafeInteger(value) ? value : undefined;
}

function base256(block: Buffer, start: number, length: number): number | undefined {
  let value = block[start] === 0xff ? -1n : 0n;
  for (let at = start + 1; at < start + length; at += 1) value = (value << 8n) | BigInt(block[at] ?? 0);
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : undefined;
}

/** The sum of all bytes, with the checksum field itself counted as spaces. */
export function checksum(block: Buffer): number {
  let sum = (CHECKSUM_END - CHECKSUM_AT) * SPACE;
  for (let at = 0; at < CHECKSUM_AT; at += 1) sum += block[at] as number;
  for (let at = CHECKSUM_END; at < BLOCK; at += 1) sum += block[at] as number;
  return sum;
}

export const storedChecksum = (block: Buffer): number | undefined =>
  numberField(block, CHECKSUM_AT, CHECKSUM_END - CHECKSUM_AT);

const ZEROS = Buffer.alloc(64 * 1024);

/** Whether there is nothing but zeros, however long it is. */
export function isZero(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const piece = bytes.subarray(at, at + ZEROS.length);
    if (piece[0] !== 0 || !piece.equals(ZEROS.subarray(0, piece.length))) return false;
  }
  return true;
}
