/**
 * The content store: the contract. An image is the uncompressed tar of an ACI, named by the sha512 of its bytes, with its
 * manifest and what is known of where it came from. cas-dir.ts keeps them in directories.
 *
 * - Every image that can be seen is complete, and stays byte for byte what it was when it appeared.
 * - Any number of processes may use one store at once; no call waits for another process.
 * - Any call may be cut short by SIGKILL or power loss: the image is then there, or not; what is left over lies in `tmp`,
 *   where `sweepTemporary` finds it.
 */
import type { ImageId } from '#kernel/brand';
import type { Verification } from '../image/fetch/port';
import type { ImageManifest } from '../image/manifest';
import type { ImageReference } from '../image/reference';
import type { Label } from '../image/schema';

export interface StoredImage {
  readonly id: ImageId;
  readonly name: string;
  readonly labels: readonly Label[];
  /** Bytes of the uncompressed tar. */
  readonly size: number;
  /** First import, and last use, in ms since the epoch. */
  readonly importedAt: number;
  readonly lastUsedAt: number;
  /** What the image was asked for by: a path or a URL. For people. */
  readonly source: string;
  /** Undefined if nobody's signature was checked. */
  readonly verification: Verification | undefined;
  /**
   * `sha256:…`: of a Docker or OCI image the digest that all of it was verified by when it came in: of its manifest, or its
   * configuration where there is none; of a layer its diff ID. Undefined for other images.
   */
  readonly digest: string | undefined;
  /**
   * We are root, and another user stored it. Never used as it is: usecases/own-image.ts reads it in
   * again first. What it says of its name is that user's word, and it has no verification.
   */
  readonly foreign: boolean;
}

export interface ImageFacts {
  readonly name: string;
  readonly labels: readonly Label[];
  readonly source: string;
  readonly verification: Verification | undefined;
  readonly digest?: string | undefined;
}

/** An image being written. End it with `commit` or `abandon`; both release what it holds. */
export interface NewImage {
  /** The next bytes of the uncompressed tar. */
  write(chunk: Buffer): void;
  /** Everything was written: resolves when other threads are done with it, so that `commit` need not wait for them. */
  settled(): Promise<void>;
  /** The empty file, for somebody who writes all of it past `write`, and says so with `wrote`. Stays the image's. */
  readonly fd: number;
  /** All of the file was written, so many bytes with this sha512 (hex digits). */
  wrote(size: number, sha512: string): void;
  /**
   * Durable when it returns. If the image is there already, that one is kept, and takes over a verification that it lacks
   * or that is newer.
   */
  commit(manifest: Buffer, facts: ImageFacts): StoredImage;
  /** Idempotent, and allowed after a failed commit. */
  abandon(): void;
}

export interface ContentStore {
  /** @param atLeast bytes that will come at least, as far as is known */
  begin(atLeast?: number): NewImage;
  /** True if there is something of this name; costs one system call. */
  has(id: ImageId): boolean;
  /** Undefined if it is not there. @throws PodctlError `image-damaged` */
  get(id: ImageId): StoredImage | undefined;
  /** The same, but a damaged image, or one that others can change, counts as none: it is to be fetched again. */
  sound(id: ImageId): StoredImage | undefined;
  /**
   * The image an ID prefix means, or of those with this name and all these labels the one imported last.
   * @throws PodctlError `image-not-found`, `image-ambiguous`, `image-damaged`
   */
  find(reference: ImageReference): StoredImage;
  /** Ordered by import. Damaged images are left out; `store check` reports them. */
  list(): readonly StoredImage[];
  /** As it was in the archive. @throws PodctlError `image-removed`, `image-damaged` */
  manifestBytes(id: ImageId): Buffer;
  /** @throws PodctlError `image-removed`, `image-damaged` */
  manifest(id: ImageId): ImageManifest;
  /** A file descriptor for reading the uncompressed tar; the caller closes it. @throws PodctlError `image-removed` */
  openTar(id: ImageId): number;
  /** The same of an image that another user stored. */
  openForeignTar(id: ImageId): number;
  /** Notes that the image was used now. Not durable: losing it costs an early garbage collection at worst. */
  touch(id: ImageId): void;
  /**
   * False if it was not there. Rendered trees are not touched. Of an image that belongs to someone else, an unprivileged
   * member can only take the name away; its bytes go with the next sweep by root.
   */
  remove(id: ImageId): boolean;
  /** The first half of `remove`: the image is gone for everyone; what is returned deletes it. */
  detach(id: ImageId): () => boolean;
  /** Everything in place of images, whatever it is. */
  names(): readonly string[];
  /** Puts the manifest that is in the archive into the place of a damaged one. False if the image is gone, or another user's. */
  putManifest(id: ImageId, manifest: Buffer): boolean;
  /** Paths of what `sweepTemporary` would remove. */
  temporaries(): readonly string[];
  /** Removes what crashed processes left. Returns how many pieces that were. */
  sweepTemporary(): number;
}
