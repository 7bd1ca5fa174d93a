/** A Docker image for compile-main.ts to import, so that the code cache knows what importing takes. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { createHash } from '#kernel/digest';
import { OCI_CONFIG, OCI_MANIFEST } from '../image/docker/media-types';

const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';

/** An OCI layout of one compressed layer. @param directory has a root filesystem in `rootfs` @returns what podctl calls it */
export function makeLayout(directory: string): string {
  const layout = join(directory, 'layout');
  const blobs = join(layout, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  const blob = (bytes: Buffer | string): object => {
    const hex = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(blobs, hex), bytes);
    return { digest: `sha256:${hex}`, size: bytes.length };
  };
  const tar = execFileSync('tar', ['-c', '-C', join(directory, 'rootfs'), 'bin']);
  const layer = { mediaType: LAYER, ...blob(gzipSync(tar)) };
  const diffId = `sha256:${createHash('sha256').update(tar).digest('hex')}`;
  const facts = {
    os: 'linux',
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    config: { Cmd: ['/bin/true'] },
  };
  const config = {
    mediaType: OCI_CONFIG,
    ...blob(JSON.stringify({ ...facts, rootfs: { type: 'layers', diff_ids: [diffId] } })),
  };
  const manifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [layer] };
  const index = { schemaVersion: 2, manifests: [{ mediaType: OCI_MANIFEST, ...blob(JSON.stringify(manifest)) }] };
  writeFileSync(join(layout, 'index.json'), JSON.stringify(index));
  return `oci:${layout}`;
}
