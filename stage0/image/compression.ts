/** How an image file is compressed: told by its first bytes, never by its name (appc A5). */

export type Compression = 'none' | 'gzip' | 'xz' | 'bzip2' | 'zstd';

/** Bytes needed to tell. */
export const MAGIC_BYTES = 6;

const MAGIC: readonly (readonly [Exclude<Compression, 'none'>, Buffer])[] = [
  ['gzip', Buffer.from([0x1f, 0x8b])],
  ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])],
  ['bzip2', Buffer.from('BZh')],
  ['zstd', Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
];

export function compressionOf(start: Buffer): Compression {
  return MAGIC.find(([, magic]) => start.subarray(0, magic.length).equals(magic))?.[0] ?? 'none';
}
