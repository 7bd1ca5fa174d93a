/** Registries as the flags, the environment and the configuration want them. */
import type { ConfigDirs } from '../config/dirs';
import { loadKind } from '../config/load';
import { resolveReference } from '../image/docker/registry/aliases';
import { authFiles, fileCredentials } from '../image/docker/registry/auth-file';
import { configuredCredentials, firstOf } from '../image/docker/registry/credentials';
import { openRegistry } from '../image/docker/registry/source';
import { HttpClient } from '../image/fetch/http/client';
import type { HttpSettings } from '../image/fetch/http/settings';
import type { Partials } from '../store/partials';
import type { OpenedRegistry, RegistrySettings } from '../usecases/services';
import type { Globals } from './globals';

export interface RegistryWorld {
  readonly globals: Globals;
  readonly env: HttpSettings['env'];
  readonly uid: number;
  readonly dirs: ConfigDirs;
  readonly partials: Partials;
}

/** @throws PodctlError `image-reference-invalid`, `config-invalid`, `io` */
export function openConfigured(text: string, settings: RegistrySettings, world: RegistryWorld): OpenedRegistry {
  const { globals, env, uid, dirs, partials } = world;
  const { observe, ...http } = settings;
  const { insecureOptions: insecure } = globals;
  const reference = resolveReference(text, () => loadKind(dirs, 'aliases'));
  const client = new HttpClient({
    env,
    insecure: { http: insecure.has('http'), tls: insecure.has('tls') },
    // Those of auth.d are for web servers; where a registry leads to must not see any at all.
    credentials: () => undefined,
    ...http,
  });
  const credentials = firstOf([
    configuredCredentials(() => loadKind(dirs, 'dockerAuth')),
    ...authFiles(env, uid).map((file) => fileCredentials(file, { env, signal: settings.signal })),
  ]);
  const registries = loadKind(dirs, 'registry');
  return { reference, source: openRegistry(reference, { client, partials, credentials, registries, observe }) };
}
