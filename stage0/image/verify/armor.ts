/**
 * ASCII armour (RFC 9580 §6), read strictly: every character between the header and the footer counts, and a checksum that
 * is there has to be right, so that a damaged file is called damaged. (RFC 9580 tells readers to ignore the checksum, and
 * the openpgp library does.)
 */

export interface Block {
  readonly type: string;
  readonly data: Buffer;
}

const BASE64_LINE = /^[A-Za-z0-9+/]+={0,2}$/;
const HEADER_LINE = /^[A-Za-z]+: /;

export class ArmorError extends Error {}

/** An OpenPGP packet begins with a set bit 7 (RFC 9580 §4.2), text does not. */
export const isArmored = (bytes: Buffer): boolean => (bytes[0] ?? 0) < 0x80;

/**
 * All blocks of a file; text between them is left alone.
 * @throws ArmorError with a message that says what is wrong in which line
 */
export function dearmor(bytes: Buffer): readonly Block[] {
  const lines = bytes.toString('latin1').split(/\r?\n/);
  const blocks: Block[] = [];
  let line = 0;
  while (line < lines.length) {
    const type = /^-----BEGIN PGP ([A-Z ,/0-9]+)-----[ \t]*$/.exec(lines[line] ?? '')?.[1];
    line += 1;
    if (type === undefined) continue;
    const end = lines.findIndex((text, index) => index >= line && text.trimEnd() === `-----END PGP ${type}-----`);
    if (end < 0) throw new ArmorError(`line ${line}: the ${type} that begins here does not end`);
    blocks.push({ type, data: decode(lines.slice(line, end), line) });
    line = end + 1;
  }
  return blocks;
}

function decode(lines: readonly string[], offset: number): Buffer {
  let start = 0;
  while (HEADER_LINE.test(lines[start] ?? '')) start += 1;
  if ((lines[start] ?? '').trim() !== '') throw new ArmorError(`line ${offset + start + 1}: an empty line is missing`);
  const body = lines.slice(start + 1).map((line) => line.trimEnd());
  const last = body.at(-1) ?? '';
  const checksum = last.startsWith('=') ? last.slice(1) : undefined;
  const content = checksum === undefined ? body : body.slice(0, -1);
  const wrong = content.findIndex((line) => !BASE64_LINE.test(line));
  if (wrong >= 0) throw new ArmorError(`line ${offset + start + wrong + 2}: not Base64`);
  const text = content.join('');
  const data = Buffer.from(text, 'base64');
  if (data.toString('base64') !== text) throw new ArmorError(`line ${offset + start + 2}: not Base64 of whole bytes`);
  if (checksum !== undefined && checksum !== crc24(data).toString('base64'))
    throw new ArmorError('the checksum is wrong');
  return data;
}

/** RFC 9580 §6.1.1 */
function crc24(data: Buffer): Buffer {
  let crc = 0xb704ce;
  for (const byte of data) {
    crc ^= byte << 16;
    for (let bit = 0; bit < 8; bit += 1) {
      crc <<= 1;
      if (crc & 0x1000000) crc ^= 0x1864cfb;
    }
  }
  return Buffer.from([(crc >> 16) & 0xff, (crc >> 8) & 0xff, crc & 0xff]);
}
