/** `--trust-keys-from-https`: keys that an image's own site offers, for names nobody has trusted a key for. */
import { allKeys, effective, type KeystoreDirs } from './keystore';
import { ROOT } from './prefix';
import { describeTrusted, type KeySource, trustKeys } from './trust';

/**
 * Whether no key counts for this name by a prefix of it. A site whose keys somebody has chosen cannot add others to them; a
 * new key of such a site is for `podctl trust`.
 */
export const lacksKeys = (dirs: KeystoreDirs, imageName: string): boolean =>
  ![...effective(allKeys(dirs).files, imageName).values()].some(({ prefix }) => prefix !== ROOT);

/** Trusts the keys for this name and those below it. @returns what was done, for people. @throws as trustKeys() */
export async function learnKeys(
  dirs: KeystoreDirs,
  imageName: string,
  found: readonly KeySource[],
): Promise<readonly string[]> {
  const trusted = await trustKeys(dirs, { keyFiles: found, prefix: imageName, review: { kind: 'believe' } });
  return trusted.map(describeTrusted);
}
