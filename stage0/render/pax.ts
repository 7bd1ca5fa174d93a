/** PAX extended headers (pax(1) "pax Extended Header"). Values stay bytes: file capabilities and names are not text. */
import { type ByteString, fromBytes } from './byte-string';

export interface PaxFields {
  path?: ByteString;
  linkPath?: ByteString;
  size?: number;
  uid?: number;
  gid?: number;
  mtime?: { readonly seconds: number; readonly nanoseconds: number };
  xattrs?: Map<ByteString, Buffer>;
  sparse?: PaxSparse;
}

/** GNU's records of a sparse file. `major` is 0 for the formats 0.0 and 0.1, whose map is in `numbers`. */
export interface PaxSparse {
  major: number;
  readonly numbers: number[];
  name?: ByteString;
  realSize?: number;
}

/** A problem with a record; the reader adds where. */
export class PaxError extends Error {
  override readonly name = 'PaxError';
}

const XATTR = 'SCHILY.xattr.';
const SPARSE = 'GNU.sparse.';
const SPACE = 0x20;
const EQUALS = 0x3d;
const NEWLINE = 0x0a;
/** The digits of the longest record a header of MAX_PAX_BYTES can hold. */
const MAX_LENGTH_DIGITS = 8;

/** Adds the records of one extended header to `fields`; later records override. @throws PaxError */
export function readPax(data: Buffer, fields: PaxFields): void {
  let at = 0;
  while (at < data.length) {
    const space = data.indexOf(SPACE, at);
    const digits = space < 0 ? '' : data.toString('latin1', at, space);
    if (!/^[1-9]\d*$/.test(digits) || digits.length > MAX_LENGTH_DIGITS)
      throw new PaxError('a PAX record has no length');
    const end = at + Number(digits);
    const equals = data.indexOf(EQUALS, space);
    if (end > data.length || equals < 0 || equals >= end || data[end - 1] !== NEWLINE) {
      throw new PaxError('a PAX record is longer or shorter than it says');
    }
    record(fields, data.toString('latin1', space + 1, equals), data.subarray(equals + 1, end - 1));
    at = end;
  }
}

function record(fields: PaxFields, key: string, value: Buffer): void {
  if (key === 'path') fields.path = nameOf(key, value);
  else if (key === 'linkpath') fields.linkPath = nameOf(key, value);
  else if (key === 'size') fields.size = count(key, value);
  else if (key === 'uid') fields.uid = count(key, value);
  else if (key === 'gid') fields.gid = count(key, value);
  else if (key === 'mtime') fields.mtime = time(value);
  else if (key.startsWith(XATTR)) addXattr(fields, key.slice(XATTR.length), value);
  else if (key.startsWith(SPARSE)) sparse(fields, key, value);
  // Everything else (uname, gname, atime, ctime, comment, vendor keys) says nothing that rendering preserves.
}

/** GNU tar manual, "PAX Format, Versions 0.0, 0.1 and 1.0". Counts are not needed: the map says itself how long it is. */
function sparse(fields: PaxFields, key: string, value: Buffer): void {
  fields.sparse ??= { major: 0, numbers: [] };
  const found = fields.sparse;
  switch (key.slice(SPARSE.length)) {
    case 'major':
      found.major = count(key, value);
      if (found.major > 1) throw new PaxError('a sparse file of an unknown format');
      return;
    case 'minor':
    case 'numblocks':
      count(key, value);
      return;
    case 'name':
      found.name = nameOf(key, value);
      return;
    case 'size':
    case 'realsize':
      found.realSize = count(key, value);
      return;
    case 'offset':
    case 'numbytes': {
      const isOffset = key === `${SPARSE}offset`;
      if ((found.numbers.length % 2 === 0) !== isOffset) throw new PaxError('the map of a sparse file is out of order');
      found.numbers.push(count(key, value));
      return;
    }
    case 'map':
      if (found.numbers.length > 0) throw new PaxError('a sparse file has two maps');
      for (const number of value.toString('latin1').split(',')) found.numbers.push(count(key, Buffer.from(number)));
      return;
    default:
      throw new PaxError(`the record "${key.slice(0, 40)}" of a sparse file is not known`);
  }
}

function nameOf(key: string, value: Buffer): ByteString {
  if (value.length === 0 || value.includes(0)) throw new PaxError(`the PAX record "${key}" is empty or has a NUL byte`);
  return fromBytes(value);
}

function addXattr(fields: PaxFields, name: string, value: Buffer): void {
  if (name === '' || name.includes('\0')) throw new PaxError('an extended attribute has no valid name');
  fields.xattrs ??= new Map();
  fields.xattrs.set(name as ByteString, Buffer.from(value));
}

function count(key: string, value: Buffer): number {
  const text = value.toString('latin1', 0, value.length);
  const number = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number))
    throw new PaxError(`the PAX record "${key}" is not a number`);
  return number;
}

/** `-1.25` is 1.25 s before the epoch: seconds -2, nanoseconds 750 000 000. */
function time(value: Buffer): { seconds: number; nanoseconds: number } {
  const match = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(value.toString('latin1', 0, value.length));
  if (match === null) throw new PaxError('the PAX record "mtime" is not a time');
  const [, sign, whole, fraction = ''] = match;
  const seconds = Number(whole);
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, '0'));
  if (sign === '') return { seconds, nanoseconds };
  return nanoseconds === 0
    ? { seconds: 0 - seconds, nanoseconds }
    : { seconds: -seconds - 1, nanoseconds: 1e9 - nanoseconds };
}
