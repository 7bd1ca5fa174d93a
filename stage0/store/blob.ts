/** Reads a stored image again, to see whether it still is what its ID says. */
import fs from 'node:fs';
import type { ImageId } from '#kernel/brand';
import { createHash } from '#kernel/digest';
import type { ContentStore } from './cas';

const CHUNK_BYTES = 1024 * 1024;
/** Signals get their turn this often. */
const CHUNKS_PER_TURN = 64;

/** The ID that the stored bytes have now. @param read sees them on their way */
export async function rehash(images: ContentStore, id: ImageId, read?: (chunk: Buffer) => void): Promise<string> {
  const hash = createHash('sha512');
  const fd = images.openTar(id);
  try {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let count = 1; ; count += 1) {
      const size = fs.readSync(fd, buffer, 0, buffer.length, null);
      if (size === 0) return `sha512-${hash.digest('hex')}`;
      hash.update(buffer.subarray(0, size));
      read?.(buffer.subarray(0, size));
      if (count % CHUNKS_PER_TURN === 0) await new Promise(setImmediate);
    }
  } finally {
    fs.closeSync(fd);
  }
}
