/** An OCI image layout (OCI image specification, "Image Layout"), in a directory or an archive, as a source of images. */
import { PodctlError } from '#kernel/errors';
import { digestFrom, digestOf, hashFor, isDigest } from './digest';
import { decodeDocument, type IndexEntry, MAX_DOCUMENT_BYTES } from './documents';
import { type FileSet, readExtent, readWhole } from './file-set';
import { OCI_INDEX } from './media-types';
import type { Descriptor, Digest, Document, ImageSource, Take } from './port';

const REF_NAME = 'org.opencontainers.image.ref.name';
/** What containerd and `docker save` write beside it. */
const FULL_NAME = 'io.containerd.image.name';
const MAX_SHOWN = 20;

export interface Layout extends ImageSource {
  /** What the layout calls the image that `document` gives for the same selection; undefined: nothing. */
  nameOf(selection: string | undefined): string | undefined;
}

/** @param files stay open until the source is closed. @throws PodctlError `image-document-invalid` if it is no layout */
export function openLayout(files: FileSet): Layout {
  const index = files.find('index.json');
  if (index === undefined)
    throw new PodctlError('image-document-invalid', 'it is no OCI image layout: there is no index.json', {
      hint:
        files.find('manifest.json') === undefined ? 'see docs/docker.md for what podctl takes' : 'try docker-archive:',
    });
  const bytes = readWhole(index, 'index.json', MAX_DOCUMENT_BYTES);
  const top = decodeDocument({ mediaType: OCI_INDEX, bytes });
  const entries = top.kind === 'index' ? top.manifests : [];
  return {
    document: async (reference) =>
      reference !== undefined && isDigest(reference) ? read(files, reference, '') : select(files, entries, reference),
    nameOf: (selection) => nameOf(candidates(entries, selection)[0]),
    blob: async (descriptor, take) => {
      await readVerified(files, descriptor, take);
      return undefined;
    },
    close: () => files.close(),
  };
}

const nameOf = (entry: IndexEntry | undefined): string | undefined =>
  entry?.annotations[FULL_NAME] ?? entry?.annotations[REF_NAME];

const isCalled = (entry: IndexEntry, wanted: string): boolean =>
  [entry.annotations[REF_NAME], entry.annotations[FULL_NAME]].some(
    (name) => name !== undefined && (name === wanted || name.endsWith(`/${wanted}`) || name.endsWith(`:${wanted}`)),
  );

function candidates(entries: readonly IndexEntry[], selection: string | undefined): readonly IndexEntry[] {
  if (selection === undefined) return entries;
  const exact = entries.filter((entry) => entry.annotations[REF_NAME] === selection);
  return exact.length > 0 ? exact : entries.filter((entry) => isCalled(entry, selection));
}

/** The same name for several platforms is an index that nobody wrote as a file. */
function select(files: FileSet, entries: readonly IndexEntry[], selection: string | undefined): Document {
  const found = candidates(entries, selection);
  const [only] = found;
  if (only === undefined) throw unknown(entries, selection);
  const isOne = new Set(found.map(({ digest }) => digest)).size === 1;
  if (!isOne && new Set(found.map(nameOf)).size > 1) throw unknown(entries, selection);
  if (isOne) return read(files, only.digest, only.mediaType);
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: found }));
  return { mediaType: OCI_INDEX, digest: digestOf(bytes), bytes };
}

function unknown(entries: readonly IndexEntry[], selection: string | undefined): PodctlError {
  const names = [...new Set(entries.map((entry) => nameOf(entry) ?? entry.digest))];
  return unknownSelection(selection, names);
}

/** @param names of what there is */
export function unknownSelection(selection: string | undefined, names: readonly string[]): PodctlError {
  const shown = names.slice(0, MAX_SHOWN).map((name) => JSON.stringify(name));
  const more = names.length > MAX_SHOWN ? ` and ${names.length - MAX_SHOWN} more` : '';
  const there = names.length === 0 ? 'it has no images' : `it has ${shown.join(', ')}${more}`;
  const problem = selection === undefined ? 'which of its images is meant' : `there is no ${JSON.stringify(selection)}`;
  return new PodctlError('image-tag-unknown', `${problem}: ${there}`, {
    hint: 'say which behind a colon: oci:DIR:TAG, docker-archive:FILE:NAME:TAG',
  });
}

const pathOf = (digest: Digest): string => `blobs/${digest.replace(':', '/')}`;

function read(files: FileSet, digest: Digest, mediaType: string): Document {
  const file = files.find(pathOf(digest));
  if (file === undefined) throw missing(digest);
  return { mediaType, digest, bytes: readWhole(file, `the manifest ${digest}`, MAX_DOCUMENT_BYTES) };
}

const missing = (digest: Digest): PodctlError =>
  new PodctlError('image-document-invalid', `the layout has no ${pathOf(digest)}, which one of its manifests names`);

/** @throws PodctlError `image-digest-mismatch` */
async function readVerified(files: FileSet, { digest, size }: Descriptor, take: Take): Promise<void> {
  const file = files.find(pathOf(digest));
  if (file === undefined) throw missing(digest);
  if (file.size !== size)
    throw new PodctlError(
      'image-digest-mismatch',
      `${pathOf(digest)} has ${file.size} bytes, its manifest says ${size}`,
    );
  const hash = hashFor(digest);
  await readExtent(file, (chunk) => {
    hash.update(chunk);
    return take(chunk);
  });
  const is = digestFrom(hash, digest);
  if (is !== digest) throw new PodctlError('image-digest-mismatch', `${pathOf(digest)} has the digest ${is}`);
}
