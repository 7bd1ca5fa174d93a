/** What things of Docker's are called as ACIs: image names, labels, mount points, ports (docker-conversion.md). */
import type { Label } from '../schema';
import type { ImageConfig } from './config';

/** Docker's default registry, as docker2aci has it in names. */
export const DOCKER_HUB = 'registry-1.docker.io';
/** What images are called whose archive says nothing, or a name without a registry. */
const LOCAL = 'localhost';
const MAX_NAME = 255;
const MAX_AC_NAME = 63;

/** The nearest AC Identifier; `fallback` if nothing is left. */
export function acIdentifier(written: string, fallback: string): string {
  const clean = written
    .toLowerCase()
    .replace(/[^a-z0-9\-._~/]+/g, '-')
    .replace(/[-._~/]{2,}/g, (run) => (run.includes('/') ? '/' : run.slice(0, 1)))
    .slice(0, MAX_NAME)
    .replace(/^[-._~/]+|[-._~/]+$/g, '');
  return clean === '' ? fallback : clean;
}

/** The nearest AC Name. */
const acName = (written: string): string =>
  written
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');

export interface RepositoryTag {
  /** `host/path`, as people write it. */
  readonly repository: string;
  /** Undefined: none was said. */
  readonly tag: string | undefined;
}

/** `[HOST[:PORT]/]PATH[:TAG]`: the colon behind the last slash begins the tag. */
export function splitTag(reference: string): RepositoryTag {
  const bare = reference.split('@')[0] ?? '';
  const colon = bare.indexOf(':', bare.lastIndexOf('/') + 1);
  return colon < 0
    ? { repository: bare, tag: undefined }
    : { repository: bare.slice(0, colon), tag: bare.slice(colon + 1) };
}

/** The repository with its registry: `busybox` → `registry-1.docker.io/library/busybox`. */
export function fullRepository(repository: string, registry = DOCKER_HUB): string {
  const [first = '', ...rest] = repository.split('/');
  if (rest.length === 0) return registry === DOCKER_HUB ? `${registry}/library/${first}` : `${registry}/${first}`;
  if (first === 'docker.io' || first === 'index.docker.io') return fullRepository(rest.join('/'));
  return first.includes('.') || first.includes(':') || first === 'localhost' ? repository : `${registry}/${repository}`;
}

/** The name of an image that a file on this host calls so; undefined: it says nothing. */
export const localRepository = (said: string | undefined, file: string): string =>
  said === undefined || said === ''
    ? `${LOCAL}/${acIdentifier(file.replace(/\.(?:tar|tgz|gz|zst|oci)\b/g, '').replace(/\.+$/, ''), 'image')}`
    : fullRepository(said, LOCAL);

/** The name of the ACI that a layer becomes: the same whoever uses it, and however it was compressed. */
export const layerName = (diffId: string): string => `layer/${diffId.replace(':', '-')}`;

const ARCHITECTURES: Readonly<Record<string, string>> = { '386': 'i386', arm64: 'aarch64', arm: 'armv7l' };
const ARM: Readonly<Record<string, string>> = { v5: 'armv5l', v6: 'armv6l', v7: 'armv7l', v8: 'armv7l' };

/** appc's name of an architecture (appc B6). */
const archOf = ({ architecture, variant = '' }: Pick<ImageConfig, 'architecture' | 'variant'>): string =>
  architecture === 'arm' ? (ARM[variant] ?? 'armv7l') : (ARCHITECTURES[architecture] ?? architecture);

export function labelsOf(tag: string, config: Pick<ImageConfig, 'os' | 'architecture' | 'variant'>): readonly Label[] {
  const arch = archOf(config);
  return [
    { name: 'version', value: tag },
    { name: 'os', value: config.os },
    ...(arch === '' ? [] : [{ name: 'arch', value: arch }]),
  ];
}

/** Names of mount points: `volume-` and the path; a number keeps equal ones apart. */
export function uniqueNames(): (wanted: string) => string {
  const taken = new Set<string>();
  return (wanted) => {
    for (let n = 1; ; n += 1) {
      const suffix = n === 1 ? '' : `-${n}`;
      const name = `${acName(wanted)
        .slice(0, MAX_AC_NAME - suffix.length)
        .replace(/-+$/, '')}${suffix}`;
      if (taken.has(name)) continue;
      taken.add(name);
      return name;
    }
  };
}
