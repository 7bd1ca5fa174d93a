/** The image manifest (appc §3.2): its type, and the decoder every manifest passes, from an archive and from the store. */
import { type ImageId, isImageId } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { type Decode, integer, list, Members, oneOf, SchemaError, textWhere } from './decode';
import { parseJson } from './json';
import {
  type Annotation,
  type App,
  absolutePath,
  acIdentifier,
  acVersion,
  annotations,
  app,
  type Label,
  labels,
} from './schema';

export interface Dependency {
  readonly imageName: string;
  readonly imageID?: ImageId;
  readonly labels: readonly Label[];
  /** Bytes of the image as it is transferred. */
  readonly size?: number;
}

export interface ImageManifest {
  readonly acKind: 'ImageManifest';
  readonly acVersion: string;
  readonly name: string;
  readonly labels: readonly Label[];
  readonly app?: App;
  readonly dependencies: readonly Dependency[];
  /** Empty means that everything is taken. */
  readonly pathWhitelist: readonly string[];
  readonly annotations: readonly Annotation[];
}

/** Manifests of real images have a few kilobytes; one is held in memory and decoded on every start. */
export const MAX_MANIFEST_BYTES = 1024 * 1024;

/** B19. */
const dependency: Decode<Dependency> = (value, at) => {
  const members = new Members(value, at);
  const imageId = textWhere('sha512- and 128 lower-case hex digits', isImageId) as Decode<ImageId>;
  return {
    imageName: members.required('imageName', acIdentifier),
    ...members.optional('imageID', imageId),
    labels: members.listOf('labels', labels),
    ...members.optional('size', integer(0, Number.MAX_SAFE_INTEGER)),
  };
};

const imageManifest: Decode<ImageManifest> = (value, at) => {
  const members = new Members(value, at);
  return {
    acKind: members.required('acKind', oneOf('ImageManifest')),
    acVersion: members.required('acVersion', acVersion),
    name: members.required('name', acIdentifier),
    labels: members.listOf('labels', labels),
    ...members.optional('app', app),
    dependencies: members.listOf('dependencies', list(dependency)),
    pathWhitelist: members.listOf('pathWhitelist', list(absolutePath)),
    annotations: members.listOf('annotations', annotations),
  };
};

/** @throws PodctlError `image-manifest-invalid`, with the path inside the document as its position */
export function decodeImageManifest(bytes: Uint8Array): ImageManifest {
  try {
    if (bytes.length > MAX_MANIFEST_BYTES) throw new SchemaError('', `is larger than ${MAX_MANIFEST_BYTES} bytes`);
    return imageManifest(parseJson(bytes), '');
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    const what = error.at === '' ? 'it' : error.at;
    throw new PodctlError('image-manifest-invalid', `the image manifest is not valid: ${what} ${error.message}`, {
      position: error.at,
      cause: error,
    });
  }
}
