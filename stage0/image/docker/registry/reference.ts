/**
 * What `docker://[HOST[:PORT]/]PATH[:TAG][@DIGEST]` names: a repository of a registry, and one document of it. The grammar is
 * that of Docker and of containers-transports(5): the first component is a host if it has a dot, a colon or is `localhost`;
 * else the host is Docker's own, where a path of one component is below `library/`.
 */
import { PodctlError } from '#kernel/errors';
import { isDigest } from '../digest';
import { acIdentifier } from '../names';
import type { Digest } from '../port';

export interface RegistryReference {
  /** `docker.io`, `registry.example.com:5000`, `[::1]:5000`; lower-case. */
  readonly domain: string;
  /** `library/busybox`. */
  readonly path: string;
  /** `latest` if neither tag nor digest was given. */
  readonly tag: string | undefined;
  /** Counts more than the tag. */
  readonly digest: Digest | undefined;
}

export const DOCKER_HUB = 'docker.io';
const DEFAULT_TAG = 'latest';
/** Of domain and path together (distribution/reference NameTotalLengthMax). */
const MAX_NAME = 255;
const MAX_TEXT = 600;

const LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?';
const DOMAIN = new RegExp(`^(?:${LABEL}(?:\\.${LABEL})*|\\[[0-9a-fA-F:]{2,45}\\])(?::[0-9]{1,5})?$`);
const COMPONENT = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
/** The names that Docker's own registry has had. */
const HUB_NAMES: readonly string[] = ['index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com'];

/** @param text with or without `docker://` @throws PodctlError `image-reference-invalid` */
export function parseRegistryReference(text: string): RegistryReference {
  const refuse = (why: string, hint?: string): PodctlError =>
    new PodctlError('image-reference-invalid', `"${text.slice(0, MAX_TEXT)}" names no image of a registry: ${why}`, {
      ...(hint === undefined ? {} : { hint }),
    });
  if (text.length > MAX_TEXT) throw refuse('it is too long');
  const [beforeDigest = '', digest, ...more] = text.replace(/^docker:\/\//i, '').split('@');
  if (more.length > 0) throw refuse('it has more than one "@"');
  if (digest !== undefined && !isDigest(digest)) {
    const hint = digest.includes('/') ? 'credentials do not belong here: see docs/registries.md' : undefined;
    throw refuse('behind "@" a digest is expected: sha256: and 64 lower-case hex digits', hint);
  }
  const { domain, rest } = splitDomain(beforeDigest);
  const colon = rest.indexOf(':');
  const path = colon < 0 ? rest : rest.slice(0, colon);
  const tag = colon < 0 ? undefined : rest.slice(colon + 1);
  if (!DOMAIN.test(domain) || !isPort(domain)) throw refuse(`"${domain}" is not a host`);
  if (!path.split('/').every((component) => COMPONENT.test(component))) {
    throw refuse(
      `"${path}" is not the path of a repository`,
      /[A-Z]/.test(path) ? 'paths have lower-case letters only' : undefined,
    );
  }
  if (tag !== undefined && !TAG.test(tag)) throw refuse(`"${tag}" is not a tag`);
  const host = domain.toLowerCase();
  const hub = host === DOCKER_HUB || HUB_NAMES.includes(host);
  const found = {
    domain: hub ? DOCKER_HUB : host,
    path: hub && !path.includes('/') ? `library/${path}` : path,
    tag: tag ?? (digest === undefined ? DEFAULT_TAG : undefined),
    digest,
  };
  if (repositoryOf(found).length > MAX_NAME) throw refuse(`its name has more than ${MAX_NAME} characters`);
  return found;
}

function splitDomain(text: string): { domain: string; rest: string } {
  const slash = text.indexOf('/');
  const first = text.slice(0, Math.max(0, slash));
  if (slash > 0 && (/[.:]/.test(first) || first === 'localhost')) {
    return { domain: first, rest: text.slice(slash + 1) };
  }
  return { domain: DOCKER_HUB, rest: text };
}

const isPort = (domain: string): boolean => {
  const port = /:(\d+)$/.exec(domain.replace(/^\[.*\]/, ''))?.[1];
  return port === undefined || (Number(port) > 0 && Number(port) < 65536);
};

/** `docker.io/library/busybox`: what credentials, mirrors, policies and signatures know a repository by. */
export const repositoryOf = ({ domain, path }: Pick<RegistryReference, 'domain' | 'path'>): string =>
  `${domain}/${path}`;

/** `docker.io/library/busybox:latest`, `…@sha256:…`: for people, and `docker-reference` of signatures. */
export const formatReference = (reference: RegistryReference): string =>
  `${repositoryOf(reference)}${reference.tag === undefined ? '' : `:${reference.tag}`}${
    reference.digest === undefined ? '' : `@${reference.digest}`
  }`;

/** Host and port of the registry itself. */
export const registryHost = (domain: string): string => (domain === DOCKER_HUB ? 'registry-1.docker.io' : domain);

/**
 * The name that an ACI made of it has (as docker2aci: `registry-1.docker.io/library/busybox`), by which keys of the keystore
 * are looked up, too.
 */
export const acNameOf = ({ domain, path }: Pick<RegistryReference, 'domain' | 'path'>): string =>
  acIdentifier(`${registryHost(domain)}/${path}`, 'image');

/**
 * Whether a prefix of repositories covers one, component by component; a prefix may be a host, a host with the beginning of a
 * path, or empty for all.
 */
export const coversRepository = (prefix: string, repository: string): boolean =>
  prefix === '' || prefix === repository || repository.startsWith(`${prefix}/`);

/** What people write for a prefix: `docker://`, Docker's other names and a closing slash are taken off. */
export function normalPrefix(text: string): string {
  const bare = text.replace(/^docker:\/\//i, '').replace(/\/+$/, '');
  const [host = '', ...path] = bare.split('/');
  const lower = host.toLowerCase();
  return [HUB_NAMES.includes(lower) ? DOCKER_HUB : lower, ...path].join('/');
}

/**
 * Of what is said for prefixes, that of the longest one that covers a repository; of equals the first.
 * @param normal makes a prefix of how one is written
 */
export function mostSpecific<T>(
  table: Iterable<readonly [string, T]>,
  repository: string,
  normal = normalPrefix,
): { readonly written: string; readonly prefix: string; readonly value: T } | undefined {
  return [...table]
    .map(([written, value]) => ({ written, prefix: normal(written), value }))
    .filter(({ prefix }) => coversRepository(prefix, repository))
    .sort((one, other) => other.prefix.length - one.prefix.length)[0];
}
