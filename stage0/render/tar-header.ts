/** A header block, with the extension headers before it, as an entry. */
import type { ByteString } from './byte-string';
import type { PaxFields } from './pax';
import { type EntryType, invalidArchive, type TarEntry } from './tar-entry';
import { numberField, textField } from './tar-fields';

const TYPES: ReadonlyMap<string, EntryType> = new Map([
  ['\0', 'file'],
  ['0', 'file'],
  ['7', 'file'],
  ['S', 'file'],
  ['1', 'hardlink'],
  ['2', 'symlink'],
  ['3', 'character'],
  ['4', 'block'],
  ['5', 'directory'],
  ['6', 'fifo'],
]);
const MAX_ID = 0xffff_fffe;
const NO_XATTRS: ReadonlyMap<ByteString, Buffer> = new Map();

/** Extension headers seen since the last entry. */
export interface Pending {
  readonly seen: Set<string>;
  readonly pax: PaxFields;
  name?: ByteString;
  linkName?: ByteString;
}

/** @throws PodctlError `image-archive-invalid` */
export function parseEntry(block: Buffer, flag: string, offset: number, pending: Pending, global: PaxFields): TarEntry {
  const pax: PaxFields = { ...global, ...pending.pax };
  const name = pax.sparse?.name ?? pax.path ?? pending.name ?? headerName(block);
  const number = (what: string, start: number, length: number, min: number, max: number): number => {
    const value = numberField(block, start, length);
    if (value === undefined || value < min || value > max)
      throw invalidArchive(`its ${what} is not a valid number`, offset, name);
    return value;
  };
  const known = TYPES.get(flag);
  if (known === undefined) {
    throw invalidArchive(`entries of type ${JSON.stringify(flag)} are not supported`, offset, name);
  }
  if (name === '') throw invalidArchive('an entry has no name', offset);
  // Before POSIX a directory was a file whose name ends in a slash.
  const type = known === 'file' && name.endsWith('/') ? 'directory' : known;
  const size = pax.size ?? number('size', 124, 12, 0, Number.MAX_SAFE_INTEGER);
  if (type !== 'file' && size !== 0)
    throw invalidArchive(`a ${type} cannot have ${size} bytes of content`, offset, name);
  if (pax.sparse !== undefined && (type !== 'file' || flag === 'S'))
    throw invalidArchive(`a ${type} of type ${JSON.stringify(flag)} cannot be sparse`, offset, name);
  const isDevice = type === 'character' || type === 'block';
  return {
    name,
    type,
    size,
    sparse: flag === 'S' || pax.sparse !== undefined,
    mode: number('mode', 100, 8, 0, Number.MAX_SAFE_INTEGER) & 0o7777,
    uid: checkId(pax.uid) ?? number('uid', 108, 8, 0, MAX_ID),
    gid: checkId(pax.gid) ?? number('gid', 116, 8, 0, MAX_ID),
    seconds: pax.mtime?.seconds ?? number('mtime', 136, 12, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
    nanoseconds: pax.mtime?.nanoseconds ?? 0,
    linkName: pax.linkPath ?? pending.linkName ?? textField(block, 157, 100),
    major: isDevice ? number('device number', 329, 8, 0, 0xfff) : 0,
    minor: isDevice ? number('device number', 337, 8, 0, 0xf_ffff) : 0,
    xattrs: pax.xattrs ?? NO_XATTRS,
    offset,
  };

  function checkId(id: number | undefined): number | undefined {
    if (id !== undefined && id > MAX_ID)
      throw invalidArchive(`its owner ${id} is not a valid user or group id`, offset, name);
    return id;
  }
}

/** ustar splits long names in two; GNU's format has other things in the second field. */
function headerName(block: Buffer): ByteString {
  const name = textField(block, 0, 100);
  const isPosix = block.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isPosix ? textField(block, 345, 155) : '';
  return prefix === '' ? name : (`${prefix}/${name}` as ByteString);
}
