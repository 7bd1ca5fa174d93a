/** Files that users name: read whole, and refused beyond a limit, whatever kind of file they are. */
import fs from 'node:fs';

const CHUNK = 64 * 1024;

/** The content, or undefined if it is larger than `limit` bytes. */
export function readBounded(path: string, limit: number): Buffer | undefined {
  const fd = fs.openSync(path, fs.constants.O_RDONLY);
  try {
    const chunks: Buffer[] = [];
    for (let size = 0; size <= limit; ) {
      const chunk = Buffer.allocUnsafe(CHUNK);
      const got = fs.readSync(fd, chunk, 0, CHUNK, null);
      if (got === 0) return Buffer.concat(chunks);
      chunks.push(chunk.subarray(0, got));
      size += got;
    }
    return undefined;
  } finally {
    fs.closeSync(fd);
  }
}
