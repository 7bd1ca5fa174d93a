/** The big image as files: an ACI with its signature and the key, and an OCI image layout with the same tree as its one layer. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { aciManifest } from '../fixtures/aci';
import { Gpg } from '../fixtures/gpg';
import { END_OF_ARCHIVE, type TarItem, tarEntry } from '../fixtures/tar-writer';
import { bigImage } from './big-image';

export const IMAGE_NAME = 'example.com/big';

export interface BigFiles {
  readonly aci: string;
  /** Binary, detached, by a key whose public half is in `key`. */
  readonly signature: string;
  readonly key: string;
  /** A keyring for gpg that has the key. */
  readonly gpgHome: string;
  /** Directory of an OCI image layout. */
  readonly oci: string;
  /** Bytes of the uncompressed tar, of the ACI, and number of entries. */
  readonly tarSize: number;
  readonly aciSize: number;
  readonly entries: number;
}

/** @param work an empty directory */
export async function writeBigFiles(work: string): Promise<BigFiles> {
  const aci = `${work}/big.aci`;
  const [oci, gpgHome] = [`${work}/oci`, `${work}/gpg`];
  fs.mkdirSync(`${oci}/blobs/sha256`, { recursive: true });
  fs.mkdirSync(gpgHome, { mode: 0o700 });
  const layer = `${oci}/layer`;
  // gzip(1)'s level. The two at once: they are the same work on two processors.
  const [tar, content] = await Promise.all([packed(aci, aciTar()), packed(layer, layerTar())]);
  writeLayout(oci, layer, content.sha256);
  const gpg = new Gpg();
  try {
    gpg.key('bench');
    fs.writeFileSync(`${aci}.asc`, gpg.signFile(aci));
    fs.writeFileSync(`${work}/key.asc`, gpg.export([]));
  } finally {
    gpg.close();
  }
  const { size: tarSize, entries } = tar;
  const aciSize = fs.statSync(aci).size;
  return { aci, signature: `${aci}.asc`, key: `${work}/key.asc`, gpgHome, oci, tarSize, aciSize, entries };
}

function* aciTar(): Generator<Buffer> {
  yield tarEntry({ name: 'manifest', content: aciManifest({ name: IMAGE_NAME }) });
  yield tarEntry({ name: 'rootfs/' });
  for (const item of bigImage()) yield tarEntry(below('rootfs', item));
  yield END_OF_ARCHIVE;
}

function* layerTar(): Generator<Buffer> {
  for (const item of bigImage()) yield tarEntry(item);
  yield END_OF_ARCHIVE;
}

/** Hard links name an entry of the archive, symbolic ones do not. */
const below = (directory: string, item: TarItem): TarItem => ({
  ...item,
  name: `${directory}/${item.name}`,
  ...(item.type === '1' ? { linkName: `${directory}/${item.linkName}` } : {}),
});

async function packed(file: string, tar: Iterable<Buffer>): Promise<{ size: number; entries: number; sha256: string }> {
  const hash = createHash('sha256');
  let size = 0;
  let entries = 0;
  const count = new Transform({
    transform(chunk: Buffer, _, done) {
      hash.update(chunk);
      size += chunk.length;
      entries += 1;
      done(null, chunk);
    },
  });
  await pipeline(Readable.from(tar), count, createGzip({ level: 6 }), fs.createWriteStream(file));
  return { size, entries, sha256: hash.digest('hex') };
}

function writeLayout(oci: string, layer: string, diffId: string): void {
  const put = (file: string): { digest: string; size: number } => {
    const content = fs.readFileSync(file);
    const sha256 = createHash('sha256').update(content).digest('hex');
    fs.renameSync(file, `${oci}/blobs/sha256/${sha256}`);
    return { digest: `sha256:${sha256}`, size: content.length };
  };
  const putJson = (document: object): { digest: string; size: number } => {
    fs.writeFileSync(`${oci}/document`, JSON.stringify(document));
    return put(`${oci}/document`);
  };
  const type = (name: string): string => `application/vnd.oci.image.${name}`;
  const rootfs = { type: 'layers', diff_ids: [`sha256:${diffId}`] };
  const config = putJson({
    architecture: 'amd64',
    os: 'linux',
    config: {},
    rootfs,
    history: [{ created_by: 'bench' }],
  });
  const manifest = putJson({
    schemaVersion: 2,
    mediaType: type('manifest.v1+json'),
    config: { mediaType: type('config.v1+json'), ...config },
    layers: [{ mediaType: type('layer.v1.tar+gzip'), ...put(layer) }],
  });
  const annotations = { 'org.opencontainers.image.ref.name': 'big' };
  const manifests = [{ mediaType: type('manifest.v1+json'), ...manifest, annotations }];
  fs.writeFileSync(`${oci}/index.json`, JSON.stringify({ schemaVersion: 2, manifests }));
  fs.writeFileSync(`${oci}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}');
}
