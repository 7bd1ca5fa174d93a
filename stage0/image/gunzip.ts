/** gzip through Node's zlib: 225–270 MB/s of output on one other thread (igzip has 400, gzip(1) 100). */
import { createGunzip } from 'node:zlib';
import { messageOf, PodctlError } from '#kernel/errors';
import type { Consumer, Expander } from './archive';

/** Larger chunks than zlib's default of 16 KiB: each costs a trip between the threads. */
const CHUNK_BYTES = 256 * 1024;

export function gunzip(consume: Consumer): Expander {
  const stream = createGunzip({ chunkSize: CHUNK_BYTES });
  let failure: unknown;
  const failed = new Promise<never>((_, reject) => {
    stream.on('error', (error) => {
      failure ??= error instanceof PodctlError ? error : damaged(error);
      reject(failure);
    });
  });
  failed.catch(() => undefined); // ignored: whoever waits for `failed` gets it
  const done = new Promise<void>((resolve) => stream.on('end', resolve));
  stream.on('data', (chunk: Buffer) => {
    try {
      consume(chunk);
    } catch (error) {
      failure ??= error;
      stream.destroy(error as Error);
    }
  });
  return {
    write: (chunk) => Promise.race([failed, new Promise<void>((resolve) => void stream.write(chunk, () => resolve()))]),
    end: () => {
      stream.end();
      return Promise.race([failed, done]);
    },
    destroy: () => void stream.destroy(),
  };
}

function damaged(error: unknown): PodctlError {
  const text = messageOf(error);
  const problem = text.includes('unexpected end')
    ? 'it is truncated: the gzip data ends early'
    : `its gzip data is damaged (${text})`;
  return new PodctlError('image-archive-invalid', `the archive is not valid: ${problem}`, { cause: error });
}
