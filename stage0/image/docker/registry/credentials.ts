/**
 * Whose name to give a registry: the operator's dockerAuth first, then the files of podman and Docker. Looked up only when a
 * registry asks.
 */
import type { Credentials } from '../../../config/kinds';
import { mostSpecific, normalPrefix } from './reference';

export type RegistryCredentials =
  | { readonly kind: 'basic'; readonly user: string; readonly password: string }
  /** Gets tokens from a token server (OAuth 2 refresh token). */
  | { readonly kind: 'identity'; readonly token: string }
  /** Is such a token. */
  | { readonly kind: 'bearer'; readonly token: string };

/** One place where credentials are kept. */
export interface CredentialSource {
  /**
   * @param repository `docker.io/library/busybox`; of several entries the one with the longest prefix counts
   * @throws PodctlError `config-invalid`, `credentials-failed`, `io`
   */
  find(repository: string): Promise<RegistryCredentials | undefined>;
}

export const basicAuthorization = ({ user, password }: { user: string; password: string }): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

/** The first source that has an answer. */
export const firstOf = (sources: readonly CredentialSource[]): CredentialSource => ({
  find: async (repository) => {
    for (const source of sources) {
      const found = await source.find(repository);
      if (found !== undefined) return found;
    }
    return undefined;
  },
});

/** The kind dockerAuth of auth.d, whose keys may have the beginning of a path behind the registry. */
export const configuredCredentials = (table: () => ReadonlyMap<string, Credentials>): CredentialSource => ({
  find: async (repository) => {
    const found = longest(table(), repository);
    return found?.type === 'basic' ? { kind: 'basic', user: found.user, password: found.password } : undefined;
  },
});

/** The value with the longest prefix that covers a repository; keys are written in any of the ways of Docker's files. */
export function longest<T>(
  table: ReadonlyMap<string, T> | readonly (readonly [string, T])[],
  repository: string,
): T | undefined {
  const named = [...table].filter(([key]) => registryKey(key) !== '');
  return mostSpecific(named, repository, registryKey)?.value;
}

/** `https://index.docker.io/v1/` is `docker.io`; a scheme and an API version are no part of a prefix. */
export const registryKey = (key: string): string =>
  normalPrefix(key.replace(/^https?:\/\//i, '').replace(/\/v[12]\/?$/, ''));
