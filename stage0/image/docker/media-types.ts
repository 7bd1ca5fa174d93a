/** Media types of Docker and OCI images, and what podctl does with each. */
import { PodctlError } from '#kernel/errors';

export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
export const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json';
const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
const DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json';
/** Of everything that names an image. */
export const DOCUMENTS: readonly string[] = [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST];
const SCHEMA_1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+/;

/** Of a layer: compression is told by its bytes, so that a wrong word for it harms nobody. */
const LAYER =
  /^application\/vnd\.(?:oci\.image\.layer\.(?:nondistributable\.)?v1\.tar(?:\+(?:gzip|zstd))?|docker\.image\.rootfs\.(?:foreign\.)?diff\.tar(?:\.(?:gzip|zstd))?)$/;

export type DocumentKind = 'image' | 'index';

/** Undefined for a type that says nothing, as `application/json`. @throws PodctlError `image-media-type` */
export function kindOfDocument(mediaType: string): DocumentKind | undefined {
  const type = mediaType.split(';')[0]?.trim() ?? '';
  if (type === OCI_MANIFEST || type === DOCKER_MANIFEST) return 'image';
  if (type === OCI_INDEX || type === DOCKER_LIST) return 'index';
  if (SCHEMA_1.test(type)) throw schema1();
  if (type === '' || type === 'application/json' || type === 'text/plain') return undefined;
  throw new PodctlError('image-media-type', `${shown(type)} is neither an image nor an index of images`);
}

/** The manifests of before 2016 carry no digests of what is in them that anybody could check. */
export const schema1 = (): PodctlError =>
  new PodctlError('image-media-type', 'the image has a manifest of schema 1, which nothing can be verified by', {
    hint: 'push it again with a program of today, for example: skopeo copy --format v2s2',
  });

/** @throws PodctlError `image-media-type` */
export function requireConfigType(mediaType: string): void {
  if (mediaType === OCI_CONFIG || mediaType === DOCKER_CONFIG || mediaType === 'application/octet-stream') return;
  throw new PodctlError(
    'image-media-type',
    `it is no container image: its configuration is of type ${shown(mediaType)}`,
  );
}

/** @throws PodctlError `image-media-type` */
export function requireLayerType(mediaType: string): void {
  if (LAYER.test(mediaType)) return;
  const encrypted = mediaType.endsWith('+encrypted') ? ': encrypted layers are not supported' : '';
  throw new PodctlError('image-media-type', `a layer of the image is of type ${shown(mediaType)}${encrypted}`);
}

const shown = (type: string): string => JSON.stringify(type.slice(0, 100));
