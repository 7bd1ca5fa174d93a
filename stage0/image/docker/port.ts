/**
 * Where Docker and OCI images come from: a registry, an OCI layout, an archive. A source delivers bytes; what they mean is
 * decided by who asks. Terms are those of the OCI image and distribution specifications.
 */

/** `sha256:` and 64, or `sha512:` and 128, lower-case hex digits. */
export type Digest = string & { readonly __brand: 'Digest' };

/** What a manifest or an index says of a blob, checked for its form only. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/** A manifest or an index. */
export interface Document {
  /** As the source says it; the document itself may say another. */
  readonly mediaType: string;
  readonly digest: Digest;
  readonly bytes: Buffer;
}

/** A blob that lies in a file of the source's own, which whoever gets it may link or move into the store. */
export interface BlobFile {
  readonly path: string;
  /** Ends the source's claim on the file: it is removed if nobody moved it. */
  release(): void;
}

/** Takes bytes in order. A promise asks to wait; the chunk stays as it is until it has settled, or until the call returns. */
export type Take = (chunk: Buffer) => Promise<unknown> | undefined;

export interface ImageSource {
  /**
   * @param reference a tag or a digest; undefined: the only document of an archive or a layout
   * @throws PodctlError `fetch-*`, `image-*`; the bytes are those of a digest that was asked for
   */
  document(reference: string | undefined): Promise<Document>;
  /**
   * Pushes all bytes of a blob, from the first one on, however often the transfer has to be resumed. Nothing may be kept of the bytes before this has resolved: size and digest are checked at the end.
   * @returns undefined if the bytes lie in no file of their own
   * @throws PodctlError `fetch-*`, `image-*`, `interrupted`; what `take` throws
   */
  blob(descriptor: Descriptor, take: Take): Promise<BlobFile | undefined>;
  /** Releases what the source holds. */
  close(): void;
}
