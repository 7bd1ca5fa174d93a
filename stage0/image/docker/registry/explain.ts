/** `podctl image policy`: what an image of a registry has to prove on this host, and by whose keys. */
import { listKeys } from '../../verify/inventory';
import { allKeys, effective, type KeystoreDirs } from '../../verify/keystore';
import { describePrefix } from '../../verify/prefix';
import { lookasidesOf } from './lookaside';
import { endpointsOf, type RegistryTable } from './mirrors';
import { type Decision, decide, type PolicyTable, signedName } from './policy';
import { acNameOf, formatReference, type RegistryReference, registryHost, repositoryOf } from './reference';

export interface ExplainedKey {
  /** Upper-case hex. */
  readonly fingerprint: string;
  readonly owner: string;
  /** `trusted`, or why nothing it signs counts (inventory.ts). */
  readonly state: string;
  /** By which prefix of the keystore it is trusted for this image, in words. */
  readonly trustedFor: string;
  /** False: the policy's rule does not name it. */
  readonly allowed: boolean;
}

export interface Explanation {
  readonly image: string;
  /** By which keys are trusted, and which the image has in the store. */
  readonly name: string;
  readonly decision: Decision;
  /** What signatures have to call it. */
  readonly signedAs: string;
  readonly lookasides: readonly string[];
  /** Repositories that are asked for it, in order. */
  readonly places: readonly string[];
  readonly keys: readonly ExplainedKey[];
}

export interface PolicyWorld {
  readonly keys: KeystoreDirs;
  readonly registries: RegistryTable;
  readonly policies: PolicyTable;
}

/** @throws PodctlError `config-invalid`, `io` */
export async function explainPolicy(
  reference: RegistryReference,
  signed: boolean,
  { keys, registries, policies }: PolicyWorld,
): Promise<Explanation> {
  const repository = repositoryOf(reference);
  const decision = decide(policies, repository, signed);
  const name = acNameOf(reference);
  return {
    image: formatReference(reference),
    name,
    decision,
    signedAs: signedName(decision, repository),
    lookasides: lookasidesOf(registries, repository),
    places: endpointsOf(registries, reference).map(({ domain, path }) => `${registryHost(domain)}/${path}`),
    keys: await keysFor(keys, name, decision),
  };
}

async function keysFor(dirs: KeystoreDirs, name: string, decision: Decision): Promise<readonly ExplainedKey[]> {
  const counting = new Set([...effective(allKeys(dirs).files, name).values()].map(({ path }) => path));
  if (counting.size === 0) return [];
  const { keys } = await listKeys(dirs, undefined);
  return keys
    .filter(({ file }) => counting.has(file.path))
    .map(({ file, state, facts }) => ({
      fingerprint: file.fingerprint.toUpperCase(),
      owner: facts?.userIds[0] ?? '',
      state,
      trustedFor: describePrefix(file.prefix),
      allowed: decision.keys?.includes(file.fingerprint) ?? true,
    }));
}
