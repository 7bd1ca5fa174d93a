/** Archives that cannot be read at any place: standard input, and compressed files. They are put into a file first. */
import fs from 'node:fs';
import { PodctlError } from '#kernel/errors';
import { expander } from '../archive';
import { compressionOf, MAGIC_BYTES } from '../compression';

const CHUNK_BYTES = 256 * 1024;

export interface SpoolPort {
  /** A new file without a name, open for reading and writing: it is gone when it is closed. */
  nameless(): number;
  readonly signal: AbortSignal | undefined;
}

/** An expanded archive that can be read at any place; `fd` is closed if it is not that itself. @throws PodctlError `image-*` */
export async function seekable(fd: number, port: SpoolPort): Promise<number> {
  const start = Buffer.alloc(MAGIC_BYTES);
  const got = fs.readSync(fd, start, 0, MAGIC_BYTES, 0);
  if (compressionOf(start.subarray(0, got)) === 'none') return fd;
  try {
    return await spool(chunksOf(fd), fs.fstatSync(fd).size, port);
  } finally {
    fs.closeSync(fd);
  }
}

/** @throws PodctlError `image-*`, `interrupted` */
export async function spoolStdin(port: SpoolPort): Promise<number> {
  const stream = fs.createReadStream('', { fd: 0, autoClose: false, highWaterMark: CHUNK_BYTES });
  const end = (): void => void stream.destroy();
  port.signal?.addEventListener('abort', end);
  try {
    // How much will come is not known: a bomb is what exceeds the limit for any file.
    return await spool(stream, Number.MAX_SAFE_INTEGER, port);
  } catch (error) {
    if (port.signal?.aborted === true) throw new PodctlError('interrupted', 'interrupted while reading standard input');
    throw error;
  } finally {
    port.signal?.removeEventListener('abort', end);
    stream.destroy();
  }
}

async function spool(chunks: AsyncIterable<Buffer> | Iterable<Buffer>, size: number, port: SpoolPort): Promise<number> {
  const to = port.nameless();
  const expand = expander(size, (chunk) => {
    for (let done = 0; done < chunk.length; ) done += fs.writeSync(to, chunk, done);
  });
  try {
    for await (const chunk of chunks) {
      if (port.signal?.aborted === true) throw new PodctlError('interrupted', 'interrupted while reading an archive');
      await expand.write(chunk);
    }
    await expand.end();
    return to;
  } catch (error) {
    expand.destroy();
    fs.closeSync(to);
    throw error;
  }
}

function* chunksOf(fd: number): Generator<Buffer> {
  for (;;) {
    const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    const size = fs.readSync(fd, buffer, 0, buffer.length, null);
    if (size === 0) return;
    yield buffer.subarray(0, size);
  }
}
