/** One pass over an image file: its bytes are verified, expanded, checked as an archive, hashed and stored at once. */
import fs from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { PodctlError } from '#kernel/errors';
import { TarReader } from '../../render/tar';
import type { ContentStore, StoredImage } from '../../store/cas';
import { expander } from '../archive';
import { ArchiveLayout } from '../layout';
import { decodeImageManifest, type ImageManifest } from '../manifest';
import type { SignatureCheck } from './port';

const CHUNK_BYTES = 1024 * 1024;
/** As many as the expander may still need, and one that is being read: new ones for 500 MB cost more in collecting them than reading. */
const BUFFERS = 3;
/** Signals and progress get their turn this often; an uncompressed file otherwise never waits for anything. */
const CHUNKS_PER_TURN = 16;

export interface ImportInput {
  /** Open file, read from its current position. */
  readonly fd: number;
  readonly size: number;
  /** For people: what was asked for. */
  readonly source: string;
  /** Looks at the manifest before anything is stored; what it throws ends the import. */
  readonly accept?: (manifest: ImageManifest) => void;
  readonly signal?: AbortSignal | undefined;
}

/** The chunks of a file. Each is valid until the next but one is asked for. */
function* chunksOf(fd: number): Generator<Buffer> {
  const buffers = Array.from({ length: BUFFERS }, () => Buffer.allocUnsafeSlow(CHUNK_BYTES));
  for (let count = 0; ; count += 1) {
    const buffer = buffers[count % BUFFERS] ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
    const size = fs.readSync(fd, buffer, 0, buffer.length, null);
    if (size === 0) return;
    yield buffer.subarray(0, size);
  }
}

/**
 * Nothing is in the store unless everything was right.
 * @throws PodctlError `image-*`, `signature-*`, `decompressor-missing`
 */
export async function importArchive(
  images: ContentStore,
  input: ImportInput,
  check: SignatureCheck | undefined,
): Promise<StoredImage> {
  const layout = new ArchiveLayout();
  const tar = new TarReader(layout);
  const image = images.begin();
  const expand = expander(input.size, (chunk) => {
    tar.write(chunk);
    image.write(chunk);
  });
  const chunks = chunksOf(input.fd);
  try {
    const manifest = await blameTampering(chunks, check, layout, async () => {
      await pump(chunks, (chunk) => {
        if (input.signal?.aborted === true) throw new PodctlError('interrupted', `${input.source}: interrupted`);
        // In this order: the expander has work of its own while the chunk is hashed here.
        return Promise.all([expand.write(chunk), check?.update(chunk)]);
      });
      await expand.end();
      tar.finish();
      return decodeImageManifest(layout.finish());
    });
    const verification = await check?.finish(manifest.name);
    input.accept?.(manifest);
    const { name, labels } = manifest;
    return image.commit(layout.finish(), { name, labels, source: input.source, verification });
  } catch (error) {
    expand.destroy();
    check?.abort();
    throw error;
  } finally {
    image.abandon();
  }
}

async function pump(chunks: Iterable<Buffer>, take: (chunk: Buffer) => Promise<unknown>): Promise<void> {
  let count = 0;
  for (const chunk of chunks) {
    await take(chunk);
    count += 1;
    if (count % CHUNKS_PER_TURN === 0) await setImmediate();
  }
}

/**
 * A signed file that is broken as an archive was most likely tampered with, and then that is what to report: the rest of it
 * goes to the signature check before the archive is blamed.
 */
async function blameTampering(
  rest: Iterator<Buffer> & Iterable<Buffer>,
  check: SignatureCheck | undefined,
  layout: ArchiveLayout,
  read: () => Promise<ImageManifest>,
): Promise<ImageManifest> {
  try {
    return await read();
  } catch (error) {
    if (check === undefined || !(error instanceof PodctlError) || !error.code.startsWith('image-')) throw error;
    await pump(rest, async (chunk) => check.update(chunk));
    await check.finish(nameIn(layout));
    throw error;
  }
}

function nameIn(layout: ArchiveLayout): string | undefined {
  const manifest = layout.manifest();
  if (manifest === undefined) return undefined;
  try {
    return decodeImageManifest(manifest).name;
  } catch (error) {
    if (error instanceof PodctlError) return undefined; // ignored: the caller reports that the archive is broken
    throw error;
  }
}
