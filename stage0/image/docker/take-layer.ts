/** Reads one layer through, and verifies it meanwhile: the bytes of its blob expanded, and handed to whoever stores them. */
import { PodctlError } from '#kernel/errors';
import type { LayerTree, RenderedLayer } from '../../render/layer-tree';
import type { NewImage } from '../../store/cas';
import { expander } from '../archive';
import { algorithmOf } from './digest';
import type { BlobFile, Take } from './port';

/** One layer of an image, wherever it lies. */
export interface LayerSource {
  /** `sha256:…` of its expanded tar, as the configuration says it. */
  readonly diffId: string;
  /** Bytes of the blob. */
  readonly size: number;
  /** Pushes the bytes of the blob; as ImageSource.blob(). */
  read(take: Take): Promise<BlobFile | undefined>;
}

/** All of the ACI is in its image. */
export interface TakenLayer {
  readonly manifest: Buffer;
  /** What was made of it meanwhile; the tree is the receiver's. */
  readonly filled?: FilledTree | undefined;
}

export interface FilledTree {
  readonly tree: LayerTree;
  readonly layer: RenderedLayer;
}

/** Makes the ACI of a layer while its tar comes in. */
export interface LayerTaker {
  readonly image: NewImage;
  /** The next bytes of the tar; as an expander's consumer. */
  take(chunk: Buffer): unknown;
  /** No more bytes come. Undefined: it gave up. */
  finish(diffId: string): Promise<TakenLayer | undefined>;
  /** What is taken from now on is of no use: the layer is to be read again, by another. */
  readonly gaveUp: boolean;
  /** Releases all that was not handed on or committed. Idempotent. */
  abandon(): Promise<void>;
}

/**
 * @param read pushes the bytes of the layer's blob
 * @returns undefined if the taker gave up; the blob was read to its end
 * @throws PodctlError `image-*`, `decompressor-missing`, `interrupted`, and what `read` throws
 */
export async function takeLayer(
  { diffId, size }: LayerSource,
  read: (take: Take) => Promise<void>,
  taker: LayerTaker,
  { signal, source }: { readonly signal: AbortSignal | undefined; readonly source: string },
): Promise<TakenLayer | undefined> {
  const algorithm = algorithmOf(diffId);
  const expand = expander(size, (chunk) => taker.take(chunk), algorithm);
  let broken: unknown;
  try {
    await read((chunk) => {
      if (signal?.aborted === true) throw new PodctlError('interrupted', `${source}: interrupted`);
      if (broken !== undefined || taker.gaveUp) return undefined;
      return expand.write(chunk)?.catch((error: unknown) => {
        // If its digest is wrong, too, that is what to report: the rest is read for it.
        if (!(error instanceof PodctlError) || !error.code.startsWith('image-')) throw error;
        broken = error;
      });
    });
    if (broken === undefined && !taker.gaveUp) await expand.end().catch((error: unknown) => (broken = error));
    if (taker.gaveUp) return undefined;
    if (broken !== undefined) throw broken;
    const is = `${algorithm}:${expand.digest()}`;
    if (is !== diffId)
      throw new PodctlError('image-digest-mismatch', `a layer expands to ${is}, its image says ${diffId}`);
    return await taker.finish(diffId);
  } finally {
    expand.destroy();
  }
}
