/** Writes what tar.ts reads: ustar headers, and PAX records for whatever does not fit one. Equal members give equal bytes. */
import type { ByteString } from './byte-string';
import type { EntryType, TarEntry } from './tar-entry';
import { BLOCK, checksum } from './tar-fields';

/** `major` and `minor` of a device. Sparse files are written with all their zeros. */
export type TarMember = Omit<TarEntry, 'offset' | 'major' | 'minor' | 'sparse'> &
  Partial<Pick<TarEntry, 'major' | 'minor'>>;

const FLAGS: Readonly<Record<EntryType, string>> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};

const MAX_NAME = 100;
/** What 7 and 11 octal digits hold. */
const MAX_OCTAL_7 = 0o7777777;
const MAX_OCTAL_11 = 0o77777777777;

const ZERO = 0x30;
const SPACE = 0x20;
const NOTHING = Buffer.alloc(0);

/** Two blocks of zeros. */
export const END_OF_ARCHIVE = Buffer.alloc(2 * BLOCK);

/** The zeros behind `size` bytes of content. */
export const paddingOf = (size: number): Buffer => END_OF_ARCHIVE.subarray(0, (BLOCK - (size % BLOCK)) % BLOCK);

/** The header of a member, with a PAX header before it if it needs one. The content of a file follows. */
export function memberHeader(member: TarMember): Buffer {
  const records = paxRecords(member);
  const own = block(member, FLAGS[member.type]);
  if (records.length === 0) return own;
  const extension = { ...member, size: records.length, mode: 0o644, uid: 0, gid: 0, seconds: 0 };
  const head = block({ ...extension, name: 'PaxHeaders/x' as ByteString, linkName: '' as ByteString }, 'x');
  return Buffer.concat([head, records, paddingOf(records.length), own]);
}

function paxRecords(member: TarMember): Buffer {
  const records: Buffer[] = [];
  const add = (key: string, value: string | Buffer): void => {
    records.push(record(Buffer.from(key, 'latin1'), typeof value === 'string' ? Buffer.from(value, 'latin1') : value));
  };
  if (member.name.length > MAX_NAME) add('path', member.name);
  if (member.linkName.length > MAX_NAME) add('linkpath', member.linkName);
  if (member.size > MAX_OCTAL_11) add('size', String(member.size));
  if (member.uid > MAX_OCTAL_7) add('uid', String(member.uid));
  if (member.gid > MAX_OCTAL_7) add('gid', String(member.gid));
  const { seconds, nanoseconds } = member;
  if (nanoseconds !== 0 || seconds < 0 || seconds > MAX_OCTAL_11) add('mtime', decimalTime(seconds, nanoseconds));
  for (const [name, value] of [...member.xattrs].sort(([a], [b]) => (a < b ? -1 : 1))) {
    add(`SCHILY.xattr.${name}`, value);
  }
  return records.length === 0 ? NOTHING : Buffer.concat(records);
}

/** Seconds −2 and 750 000 000 ns are −1.25. */
function decimalTime(seconds: number, nanoseconds: number): string {
  const negative = seconds < 0 && nanoseconds > 0;
  const [whole, part] = negative ? [-(seconds + 1), 1e9 - nanoseconds] : [Math.abs(seconds), nanoseconds];
  const fraction = part === 0 ? '' : `.${String(part).padStart(9, '0').replace(/0+$/, '')}`;
  return `${seconds < 0 ? '-' : ''}${whole}${fraction}`;
}

/** `LENGTH KEY=VALUE\n`, the length counting its own digits. */
function record(key: Buffer, value: Buffer): Buffer {
  const rest = key.length + value.length + 3;
  let length = rest + 1;
  while (String(length).length + rest > length) length += 1;
  return Buffer.concat([Buffer.from(`${length} `), key, Buffer.from('='), value, Buffer.from('\n')]);
}

/** What all headers have in common. */
const BLANK = Buffer.alloc(BLOCK);
BLANK.write('ustar\x0000', 257, 'latin1');

function block(member: TarMember, flag: string): Buffer {
  const header = Buffer.allocUnsafe(BLOCK); // a piece of a larger one: an image has tens of thousands
  header.set(BLANK);
  header.write(member.name.slice(0, MAX_NAME), 0, 'latin1');
  octal(header, 100, 8, member.mode, MAX_OCTAL_7);
  octal(header, 108, 8, member.uid, MAX_OCTAL_7);
  octal(header, 116, 8, member.gid, MAX_OCTAL_7);
  octal(header, 124, 12, member.size, MAX_OCTAL_11);
  octal(header, 136, 12, member.seconds, MAX_OCTAL_11);
  header.write(flag, 156, 'latin1');
  header.write(member.linkName.slice(0, MAX_NAME), 157, 'latin1');
  if (member.major !== undefined) octal(header, 329, 8, member.major, MAX_OCTAL_7);
  if (member.minor !== undefined) octal(header, 337, 8, member.minor, MAX_OCTAL_7);
  octal(header, 148, 7, checksum(header), MAX_OCTAL_7);
  header[155] = SPACE;
  return header;
}

/** Digits in a field of so many bytes, of which the last stays NUL. */
function octal(header: Buffer, at: number, length: number, value: number, max: number): void {
  let rest = value >= 0 && value <= max ? value : 0; // a PAX record has it then
  for (let digit = at + length - 2; digit >= at; digit -= 1) {
    header[digit] = ZERO + (rest % 8);
    rest = Math.floor(rest / 8);
  }
}
