/** Reads a stored image again, to see whether it still is what its ID says. */
import fs from 'node:fs';
import { createHash } from '#kernel/digest';

const CHUNK_BYTES = 1024 * 1024;
/** Signals get their turn this often. */
const CHUNKS_PER_TURN = 64;

/** The ID that the bytes of a file have, which is closed at the end. @param read sees them on their way */
export async function rehash(fd: number, read?: (chunk: Buffer) => void): Promise<string> {
  const hash = createHash('sha512');
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
