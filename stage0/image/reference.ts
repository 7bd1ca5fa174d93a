/** How people name an image that is in the store (rkt-cli.md §"Image references"), and the kinds of IMAGE arguments. */
import { isAcIdentifier } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import type { Label } from './schema';

export type ImageReference =
  /** `sha512-` and 2 to 128 hex digits. */
  | { readonly kind: 'id'; readonly prefix: string }
  | { readonly kind: 'name'; readonly name: string; readonly labels: readonly Label[] };

export type ImageArgument =
  | ImageReference
  | { readonly kind: 'file'; readonly path: string }
  /** http or https, without user and password. */
  | { readonly kind: 'url'; readonly url: URL }
  /** An archive or a layout of Docker and OCI images: `place` is a path, and perhaps a colon and which of its images. */
  | { readonly kind: 'archive'; readonly transport: Transport; readonly place: string }
  /** An image of a registry: what stands behind `docker:`. */
  | { readonly kind: 'registry'; readonly reference: string };

export type Transport = 'oci' | 'oci-archive' | 'docker-archive';

const ID_PREFIX = 'sha512-';
const MIN_ID_DIGITS = 2;

/** `sha512-ab…`, or `name[:version][,label=value…]`. @throws PodctlError `image-reference-invalid` */
export function parseImageReference(text: string): ImageReference {
  return text.startsWith(ID_PREFIX) ? parseId(text) : parseName(text);
}

function parseId(text: string): ImageReference {
  const digits = text.slice(ID_PREFIX.length);
  if (digits.length < MIN_ID_DIGITS) {
    throw new PodctlError('image-reference-invalid', `image ID too short: "${text}"`, {
      hint: 'give at least two hex digits',
    });
  }
  if (!/^[0-9a-f]{1,128}$/.test(digits)) {
    throw new PodctlError(
      'image-reference-invalid',
      `"${text}" is not an image ID: sha512- is followed by up to 128 hex digits`,
    );
  }
  return { kind: 'id', prefix: text };
}

function parseName(text: string): ImageReference {
  const [head = '', ...pairs] = text.split(',');
  const colon = head.indexOf(':');
  const name = colon < 0 ? head : head.slice(0, colon);
  if (!isAcIdentifier(name)) throw new PodctlError('image-reference-invalid', `"${text}" is not an image name`);
  const labels = colon < 0 ? [] : [{ name: 'version', value: head.slice(colon + 1) }];
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    const label = { name: pair.slice(0, Math.max(0, equals)), value: pair.slice(equals + 1) };
    if (!isAcIdentifier(label.name) || labels.some((other) => other.name === label.name)) {
      throw new PodctlError(
        'image-reference-invalid',
        `"${pair}" in "${text}" is not a label (label=value, each once)`,
      );
    }
    labels.push(label);
  }
  return { kind: 'name', name, labels };
}

const ARCHIVE = /^(oci|oci-archive|docker-archive):(.*)$/is;
const REGISTRY = /^docker:(?:\/\/)?(.*)$/is;
/** rkt's own notation of all of them. */
const CIMD = /^cimd:/i;
const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//i;

/**
 * What an IMAGE argument of run, prepare or fetch means (rkt-cli.md §1.0). `isFile` tells whether a path names a regular file.
 * @throws PodctlError `image-reference-invalid`, `image-source-unsupported`
 */
export function parseImageArgument(text: string, isFile: (path: string) => boolean): ImageArgument {
  if (text.startsWith(ID_PREFIX)) return parseId(text);
  // Nothing with a scheme: expressions that ignore case take a start half a millisecond to compile.
  const scheme = text.includes(':') ? parseScheme(text) : undefined;
  if (scheme !== undefined) return scheme;
  if (text.startsWith('/') || isFile(text)) return { kind: 'file', path: text };
  if (text.includes(':')) return parseName(text);
  if (text.includes('./') || text.endsWith('.aci')) return { kind: 'file', path: text };
  return parseName(text);
}

function parseScheme(text: string): ImageArgument | undefined {
  const [, transport = '', place = ''] = ARCHIVE.exec(text) ?? [];
  if (place !== '') return { kind: 'archive', transport: transport.toLowerCase() as Transport, place };
  const [, reference = ''] = REGISTRY.exec(text) ?? [];
  if (reference !== '') return { kind: 'registry', reference };
  if (CIMD.test(text) || ARCHIVE.test(text) || REGISTRY.test(text)) {
    throw new PodctlError('image-source-unsupported', `images cannot be fetched from ${text}`, {
      hint: 'name a file, a URL, a name, docker://REPOSITORY, oci:DIR, oci-archive:FILE or docker-archive:FILE',
    });
  }
  if (SCHEME.test(text) || /^(?:https?|file):/i.test(text)) return parseUrl(text);
  return undefined;
}

function parseUrl(text: string): ImageArgument {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:', 'file:'].includes(url.protocol)) {
    throw new PodctlError('image-reference-invalid', `"${text}" is not an http, https or file URL`);
  }
  if (!url.pathname.endsWith('.aci')) {
    throw new PodctlError('image-reference-invalid', `invalid image string "${text}": its path does not end in .aci`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new PodctlError('image-reference-invalid', `the URL of ${url.host} has a user or a password`, {
      hint: 'credentials belong into auth.d, where not everybody sees them',
    });
  }
  url.hash = '';
  if (url.protocol !== 'file:') return { kind: 'url', url };
  if (url.host === '') return { kind: 'file', path: decodedPath(url, text) };
  throw new PodctlError('image-reference-invalid', `"${text}": a file URL names no host`);
}

function decodedPath({ pathname }: URL, text: string): string {
  try {
    const path = decodeURIComponent(pathname);
    if (!path.includes('\0')) return path;
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
  }
  throw new PodctlError('image-reference-invalid', `"${text}" is not a file URL`);
}

/** `name:version,label=value`, as `parseImageReference` reads it. */
export function formatImageName(name: string, labels: readonly Label[]): string {
  const version = labels.find((label) => label.name === 'version');
  const others = labels.filter((label) => label !== version).map((label) => `,${label.name}=${label.value}`);
  return `${name}${version === undefined ? '' : `:${version.value}`}${others.join('')}`;
}
