/** Registries as the flags, the environment and the configuration want them. */
import type { ConfigDirs } from '../config/dirs';
import { loadKind } from '../config/load';
import { authFiles, fileCredentials } from '../image/docker/registry/auth-file';
import { configuredCredentials, firstOf } from '../image/docker/registry/credentials';
import { type Explanation, explainPolicy } from '../image/docker/registry/explain';
import { certificateDirectories, hostCertificates } from '../image/docker/registry/host-certificates';
import { verifyImage } from '../image/docker/registry/image-signature';
import { lookasidesOf } from '../image/docker/registry/lookaside';
import { acNameOf, repositoryOf } from '../image/docker/registry/reference';
import { openRegistry } from '../image/docker/registry/source';
import { HttpClient } from '../image/fetch/http/client';
import type { HttpSettings } from '../image/fetch/http/settings';
import type { Partials } from '../store/partials';
import type { OpenedRegistry, RegistrySettings } from '../usecases/services';
import type { Globals } from './globals';
import { configuredDecision, configuredReference } from './registry-policy';

export interface RegistryWorld {
  readonly globals: Globals;
  readonly env: HttpSettings['env'];
  readonly uid: number;
  readonly dirs: ConfigDirs;
  readonly partials: Partials;
  /** Ms since the epoch. */
  now(): number;
}

/** @throws PodctlError `image-reference-invalid`, `config-invalid`, `policy-rejected`, `io` */
export function openConfigured(text: string, settings: RegistrySettings, world: RegistryWorld): OpenedRegistry {
  const { globals, env, uid, dirs, partials, now } = world;
  const { observe, policy, ...http } = settings;
  const { insecureOptions: insecure } = globals;
  const reference = configuredReference(text, dirs);
  const decision = configuredDecision(reference, policy, dirs);
  const client = new HttpClient({
    env,
    insecure: { http: insecure.has('http'), tls: insecure.has('tls') },
    // Those of auth.d are for web servers; where a registry leads to must not see any at all.
    credentials: () => undefined,
    certificates: hostCertificates(certificateDirectories(env)),
    ...http,
  });
  const credentials = firstOf([
    configuredCredentials(() => loadKind(dirs, 'dockerAuth')),
    ...authFiles(env, uid).map((file) => fileCredentials(file, { env, signal: settings.signal })),
  ]);
  const registries = loadKind(dirs, 'registry');
  const lookasides = lookasidesOf(registries, repositoryOf(reference));
  return {
    reference,
    source: openRegistry(reference, { client, partials, credentials, registries, observe }),
    verify: (digests) =>
      verifyImage({ reference, digests, name: acNameOf(reference) }, decision, { client, keys: dirs, lookasides, now }),
  };
}

/** @throws PodctlError `image-reference-invalid`, `config-invalid`, `io` */
export function explainConfigured(text: string, signed: boolean, dirs: ConfigDirs): Promise<Explanation> {
  const reference = configuredReference(text, dirs);
  const [registries, policies] = [loadKind(dirs, 'registry'), loadKind(dirs, 'imagePolicy')];
  return explainPolicy(reference, signed, { keys: dirs, registries, policies });
}
