/** Where a repository is to be had: its mirrors in their order, then its own registry (kind `registry` of registries.d). */

import { PodctlError } from '#kernel/errors';
import type { RegistrySetting } from '../../../config/kinds';
import { mostSpecific, normalPrefix, parseRegistryReference, type RegistryReference, repositoryOf } from './reference';

/** A repository of a registry that is really asked. */
export interface Endpoint {
  readonly domain: string;
  readonly path: string;
}

export type RegistryTable = ReadonlyMap<string, RegistrySetting>;

/** Never empty; the last one is where the repository really is. @throws PodctlError `config-invalid` */
export function endpointsOf(table: RegistryTable, reference: RegistryReference): readonly Endpoint[] {
  const repository = repositoryOf(reference);
  const found = mostSpecific(table, repository);
  const own = { domain: reference.domain, path: reference.path };
  if (found === undefined) return [own];
  const { mirrors, location } = found.value;
  const moved = (place: string): Endpoint => relocated(repository, found.prefix, place);
  return [...mirrors.map(moved), location === undefined ? own : moved(location)];
}

/** `docker.io/library/nginx` with `docker.io/library` at `mirror.example.com/hub` is `mirror.example.com/hub/nginx`. */
function relocated(repository: string, prefix: string, place: string): Endpoint {
  const rest = prefix === '' ? repository : repository.slice(prefix.length + 1);
  const name = [normalPrefix(place), rest].filter((part) => part !== '').join('/');
  try {
    const { domain, path } = parseRegistryReference(name);
    return { domain, path };
  } catch (cause) {
    throw new PodctlError(
      'config-invalid',
      `registries.d: "${place}" for ${prefix || 'all'} makes no repository of ${repository}`,
      { cause },
    );
  }
}
