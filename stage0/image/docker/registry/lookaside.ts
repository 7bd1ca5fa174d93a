/**
 * Where signatures of images lie beside registries: `BASE/PATH@sha256=HEX/signature-N`, counted from 1, in a directory or on a
 * web server (containers-registries.d(5)). Who has none elsewhere is taken to keep them where skopeo and podman write them.
 */
import { fileURLToPath } from 'node:url';
import { isErrno, messageOf, PodctlError } from '#kernel/errors';
import { readBounded } from '../../../files/read-bounded';
import type { HttpClient } from '../../fetch/http/client';
import { refusedStatus, shownUrl } from '../../fetch/http/failure';
import { MAX_SIGNATURE_SIZE } from '../../verify/signature-file';
import type { Digest } from '../port';
import type { RegistryTable } from './mirrors';
import { mostSpecific } from './reference';

const USUAL = ['file:///var/lib/containers/sigstore'];
/** Each costs a request and a public-key operation. */
const MAX_SIGNATURES = 16;

export interface FoundSignature {
  /** File or URL. */
  readonly origin: string;
  readonly bytes: Buffer;
}

/** The places of the longest prefix that has any. */
export function lookasidesOf(registries: RegistryTable, repository: string): readonly string[] {
  const having = [...registries].filter(([, { lookaside }]) => lookaside.length > 0);
  return mostSpecific(having, repository)?.value.lookaside ?? USUAL;
}

/** All signatures that one place has of a document. @throws PodctlError `fetch-*`, `io`, `signature-malformed`, `interrupted` */
export async function* signaturesAt(
  base: string,
  path: string,
  digest: Digest,
  client: HttpClient,
): AsyncGenerator<FoundSignature> {
  for (let number = 1; number <= MAX_SIGNATURES; number += 1) {
    const url = new URL(base);
    url.pathname = `${url.pathname.replace(/\/+$/, '')}/${path}@${digest.replace(':', '=')}/signature-${number}`;
    const found = url.protocol === 'file:' ? inDirectory(fileURLToPath(url)) : await onServer(url, client);
    if (found === undefined) return;
    yield found;
  }
}

function inDirectory(file: string): FoundSignature | undefined {
  try {
    const bytes = readBounded(file, MAX_SIGNATURE_SIZE);
    if (bytes !== undefined) return { origin: file, bytes };
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw new PodctlError('io', `${file}: ${messageOf(error)}`, { cause: error });
  }
  throw tooLarge(file);
}

async function onServer(url: URL, client: HttpClient): Promise<FoundSignature | undefined> {
  const { status, bytes, cut } = await client.document(url, MAX_SIGNATURE_SIZE);
  // Some object stores say 403 of what they do not have.
  if (status === 404 || status === 403 || status === 410) return undefined;
  if (status !== 200) throw refusedStatus(url, status);
  if (cut) throw tooLarge(shownUrl(url));
  return { origin: shownUrl(url), bytes };
}

const tooLarge = (origin: string): PodctlError =>
  new PodctlError('signature-malformed', `${origin}: larger than a signature (${MAX_SIGNATURE_SIZE} bytes)`);
