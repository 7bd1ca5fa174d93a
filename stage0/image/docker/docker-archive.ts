/**
 * What `docker save`, `podman save` and `skopeo copy … docker-archive:` write: manifest.json names for each image the file of its
 * configuration and those of its layers. There is no manifest with digests: layers are verified by their diff IDs.
 */
import { PodctlError } from '#kernel/errors';
import { list, Members, text } from '../decode';
import { MAX_CONFIG_BYTES } from './config';
import { digestOf, requireDigest } from './digest';
import { decoding, MAX_DOCUMENT_BYTES, MAX_LAYERS } from './documents';
import { type Extent, type FileSet, readExtent, readWhole } from './file-set';
import { unknownSelection } from './layout';
import type { Digest, Take } from './port';

interface Entry {
  readonly Config: string;
  readonly RepoTags: readonly string[];
  readonly Layers: readonly string[];
}

export interface ArchivedImage {
  /** `NAME:TAG`, if it has one. */
  readonly name: string | undefined;
  readonly config: Buffer;
  readonly configDigest: Digest;
  /** Lowest first. */
  readonly layers: readonly Extent[];
}

const MAX_IMAGES = 10_000;

const entryOf = (value: unknown, at: string): Entry => {
  const members = new Members(value, at);
  return {
    Config: members.required('Config', text),
    RepoTags: members.listOf('RepoTags', list(text)),
    Layers: members.listOf('Layers', list(text)),
  };
};

/**
 * @param selection a name with or without its tag, or `@N`, the N-th image from 0 on; undefined: the only one
 * @throws PodctlError `image-document-invalid`, `image-tag-unknown`, `image-digest-mismatch`
 */
export function archivedImage(files: FileSet, selection: string | undefined): ArchivedImage {
  const manifest = files.find('manifest.json');
  if (manifest === undefined) throw noManifest(files);
  const bytes = readWhole(manifest, 'manifest.json', MAX_DOCUMENT_BYTES);
  const entries = decoding('manifest.json', bytes, MAX_DOCUMENT_BYTES, (value) => list(entryOf)(value, ''));
  if (entries.length > MAX_IMAGES) throw new PodctlError('image-too-large', `the archive has ${entries.length} images`);
  const { entry, name } = choose(entries, selection);
  if (entry.Layers.length > MAX_LAYERS)
    throw new PodctlError('image-too-large', `it has ${entry.Layers.length} layers, more than ${MAX_LAYERS}`);
  const config = readWhole(fileOf(files, entry.Config), 'the configuration of the image', MAX_CONFIG_BYTES);
  const said = /(?:^|\/)([0-9a-f]{64})(?:\.json)?$/.exec(entry.Config)?.[1];
  if (said !== undefined) requireDigest(`the configuration ${entry.Config}`, `sha256:${said}`, config);
  return {
    name,
    config,
    configDigest: digestOf(config),
    layers: entry.Layers.map((path) => fileOf(files, path)),
  };
}

export const readLayer = (layer: Extent, take: Take): Promise<undefined> =>
  readExtent(layer, take).then(() => undefined);

function noManifest(files: FileSet): PodctlError {
  if (files.find('repositories') !== undefined)
    return new PodctlError('image-media-type', 'the archive was saved by a Docker before 1.10, without digests', {
      hint: 'load and save it again with a program of today',
    });
  const hint = files.find('index.json') === undefined ? 'see docs/docker.md for what podctl takes' : 'try oci-archive:';
  return new PodctlError('image-document-invalid', 'it is no archive of docker save: there is no manifest.json', {
    hint,
  });
}

function fileOf(files: FileSet, path: string): Extent {
  const found = files.find(path.replace(/^(?:\.?\/)+/, ''));
  if (found !== undefined) return found;
  throw new PodctlError(
    'image-document-invalid',
    `the archive has no ${JSON.stringify(path)}, which manifest.json names`,
  );
}

function choose(
  entries: readonly Entry[],
  selection: string | undefined,
): { readonly entry: Entry; readonly name: string | undefined } {
  const names = entries.flatMap(({ RepoTags }, index) => (RepoTags.length === 0 ? [`@${index}`] : RepoTags));
  if (selection === undefined) {
    const [only, ...others] = entries;
    if (only === undefined || others.length > 0) throw unknownSelection(undefined, names);
    return { entry: only, name: only.RepoTags[0] };
  }
  const place = /^@(\d{1,5})$/.exec(selection)?.[1];
  const numbered = place === undefined ? undefined : entries[Number(place)];
  if (numbered !== undefined) return { entry: numbered, name: numbered.RepoTags[0] };
  const found = entries.flatMap((entry) =>
    entry.RepoTags.filter((tag) => isCalled(tag, selection)).map((name) => ({ entry, name })),
  );
  const [first] = found;
  if (first === undefined || new Set(found.map(({ entry }) => entry)).size > 1)
    throw unknownSelection(selection, names);
  return first;
}

/** `busybox` and `library/busybox:latest` are `docker.io/library/busybox:latest`. */
const isCalled = (tag: string, wanted: string): boolean =>
  [wanted, `${wanted}:latest`].some((name) => tag === name || tag.endsWith(`/${name}`)) || tag.endsWith(`:${wanted}`);
