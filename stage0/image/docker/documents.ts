/**
 * Manifests and indexes of Docker and OCI images (OCI image specification, Docker image manifest v2 schema 2), decoded from
 * bytes that anybody may have written.
 */
import { PodctlError } from '#kernel/errors';
import { type Decode, integer, list, Members, SchemaError, text, textMap, textWhere } from '../decode';
import { parseJson } from '../json';
import { isDigest } from './digest';
import { type DocumentKind, kindOfDocument, requireConfigType, requireLayerType, schema1 } from './media-types';
import type { Descriptor, Digest, Document } from './port';

/** Registries take no larger manifests (Distribution specification). */
export const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024;
/** Docker makes at most 127; overlays of 500 can be mounted. */
export const MAX_LAYERS = 250;
/** Indexes of everything that was ever released have a few hundred entries. */
const MAX_MANIFESTS = 10_000;

export interface WantedPlatform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

export interface IndexEntry extends Descriptor {
  readonly platform?: WantedPlatform;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface ImageDocument {
  readonly kind: 'image';
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations: Readonly<Record<string, string>>;
}

export interface IndexDocument {
  readonly kind: 'index';
  readonly manifests: readonly IndexEntry[];
}

export const digest = textWhere('sha256: or sha512: and lower-case hex digits', isDigest) as Decode<Digest>;

const NOTHING: Readonly<Record<string, string>> = {};

const annotationsOf = (members: Members): Readonly<Record<string, string>> =>
  members.optional('annotations', textMap).annotations ?? NOTHING;

export const descriptor: Decode<Descriptor> = (value, at) => {
  const members = new Members(value, at);
  return {
    mediaType: members.required('mediaType', text),
    digest: members.required('digest', digest),
    size: members.required('size', integer(0, Number.MAX_SAFE_INTEGER)),
  };
};

const platform: Decode<WantedPlatform> = (value, at) => {
  const members = new Members(value, at);
  return {
    os: members.required('os', text),
    architecture: members.required('architecture', text),
    ...members.optional('variant', text),
  };
};

const entry: Decode<IndexEntry> = (value, at) => {
  const members = new Members(value, at);
  return {
    ...descriptor(value, at),
    ...members.optional('platform', platform),
    annotations: annotationsOf(members),
  };
};

function bounded<T>(items: readonly T[], most: number, what: string): readonly T[] {
  if (items.length <= most) return items;
  throw new PodctlError('image-too-large', `it has ${items.length} ${what}, more than ${most}`);
}

/**
 * What the document says it is counts, and what its source says must not contradict it: bytes that are an image to one reader
 * and an index to another would be two images of one digest.
 * @throws PodctlError `image-document-invalid`, `image-media-type`, `image-too-large`
 */
export function decodeDocument({
  mediaType,
  bytes,
}: Pick<Document, 'mediaType' | 'bytes'>): ImageDocument | IndexDocument {
  return decoding('the manifest', bytes, MAX_DOCUMENT_BYTES, (value) => {
    const members = new Members(value, '');
    const version = members.optional('schemaVersion', integer(0, 1000)).schemaVersion;
    if (version === 1) throw schema1();
    const kind = settledKind(mediaType, members.optional('mediaType', text).mediaType ?? '', members);
    return kind === 'index' ? index(members) : image(members);
  });
}

function settledKind(fromSource: string, own: string, members: Members): DocumentKind {
  const [said, says] = [kindOfDocument(fromSource), kindOfDocument(own)];
  const looks: DocumentKind = members.has('manifests') ? 'index' : 'image';
  const mixed = members.has('manifests') && (members.has('layers') || members.has('config'));
  for (const kind of [said, says]) {
    if (mixed || (kind !== undefined && kind !== looks))
      throw new PodctlError('image-media-type', 'it can be read both as an image and as an index of images');
  }
  return looks;
}

const index = (members: Members): IndexDocument => ({
  kind: 'index',
  manifests: members.required('manifests', (value, at) =>
    list(entry)(bounded(Array.isArray(value) ? value : [value], MAX_MANIFESTS, 'manifests'), at),
  ),
});

function image(members: Members): ImageDocument {
  const config = members.required('config', descriptor);
  requireConfigType(config.mediaType);
  const layers = members.required('layers', (value, at) =>
    list(descriptor)(bounded(Array.isArray(value) ? value : [value], MAX_LAYERS, 'layers'), at),
  );
  for (const layer of layers) requireLayerType(layer.mediaType);
  return { kind: 'image', config, layers, annotations: annotationsOf(members) };
}

/** @throws PodctlError `image-document-invalid`, with the path inside the document as its position */
export function decoding<T>(what: string, bytes: Uint8Array, most: number, decode: (value: unknown) => T): T {
  try {
    if (bytes.length > most) throw new SchemaError('', `is larger than ${most} bytes`);
    return decode(parseJson(bytes));
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    const where = error.at === '' ? 'it' : error.at;
    throw new PodctlError('image-document-invalid', `${what} is not valid: ${where} ${error.message}`, {
      position: error.at,
      cause: error,
    });
  }
}
