/** A registry with one Docker image for compile-main.ts to pull, so that the code cache knows what pulling takes. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { createHash } from '#kernel/digest';
import { OCI_CONFIG, OCI_MANIFEST } from '../image/docker/media-types';

const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';
/** Larger than what leaves no file while it is downloaded. */
const FILE_BYTES = 512 * 1024;

/** @param directory has a root filesystem in `rootfs`, to which a file is added */
export async function startRegistry(directory: string): Promise<{ readonly image: string; stop(): void }> {
  const answers = answersFor(directory);
  const server = createServer((request, response) => {
    const bytes = answers.get(request.url?.split('/').at(-1) ?? '');
    response.writeHead(bytes === undefined ? 404 : 200, { 'content-type': OCI_MANIFEST }).end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const stop = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { image: `docker://127.0.0.1:${port}/typical`, stop };
}

/** Bodies by the last part of their paths. */
function answersFor(directory: string): ReadonlyMap<string, Buffer> {
  writeFileSync(join(directory, 'rootfs/file'), randomBytes(FILE_BYTES));
  const tar = execFileSync('tar', ['-c', '-C', join(directory, 'rootfs'), 'bin', 'file']);
  const answers = new Map<string, Buffer>();
  const blob = (content: Buffer | string): { readonly digest: string; readonly size: number } => {
    const bytes = Buffer.from(content);
    const digest = digestOf(bytes);
    answers.set(digest, bytes);
    return { digest, size: bytes.length };
  };
  const config = JSON.stringify({
    os: 'linux',
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    config: { Cmd: ['/bin/true'] },
    rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
  });
  const manifest = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: OCI_CONFIG, ...blob(config) },
    layers: [{ mediaType: LAYER, ...blob(gzipSync(tar)) }],
  };
  return answers.set('latest', Buffer.from(JSON.stringify(manifest)));
}

const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
