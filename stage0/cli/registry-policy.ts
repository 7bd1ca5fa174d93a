/** What the policy of this host says of an image of a registry. On the way of warm starts: it loads no more than it reads. */
import type { ConfigDirs } from '../config/dirs';
import { loadKind } from '../config/load';
import { resolveReference } from '../image/docker/registry/aliases';
import { type Decision, decide, requireAllowed } from '../image/docker/registry/policy';
import { type RegistryReference, repositoryOf } from '../image/docker/registry/reference';
import type { FetchPolicy } from '../usecases/images';
import type { RegistryPolicy } from '../usecases/services';

/** @throws PodctlError `image-reference-invalid`, `config-invalid`, `io` */
export const configuredReference = (text: string, dirs: ConfigDirs): RegistryReference =>
  resolveReference(text, () => loadKind(dirs, 'aliases'));

/** @throws PodctlError `config-invalid`, `policy-rejected`, `io` */
export function configuredDecision(reference: RegistryReference, policy: FetchPolicy, dirs: ConfigDirs): Decision {
  const repository = repositoryOf(reference);
  const decision = decide(loadKind(dirs, 'imagePolicy'), repository, policy === 'signed');
  requireAllowed(decision, repository);
  return decision;
}

/** @throws PodctlError `image-reference-invalid`, `config-invalid`, `policy-rejected`, `io` */
export function registryPolicy(text: string, policy: FetchPolicy, dirs: ConfigDirs): RegistryPolicy {
  const decision = configuredDecision(configuredReference(text, dirs), policy, dirs);
  // --insecure-options=image waives signatures, as it does those of ACIs; what is rejected stays so.
  const demanded = decision.require === 'signature' && policy !== 'unverified';
  return { policy: demanded ? 'signed' : policy, keys: decision.keys };
}
