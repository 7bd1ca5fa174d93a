/** What a key that may sign comes to today, whatever it has signed: what verification asks, asked of the key alone. */
import { momentOf, type OpenPgp, type PublicKey, type SigningKey, weaknessOf } from './openpgp';

/** `good`: signatures that it makes today count. `unfit`: it must not sign data, or is not bound to its primary key. */
export type Standing = 'good' | 'revoked' | 'expired' | 'weak' | 'unfit';

/** Among the keys of one file, the one that comes nearest to a signature that counts speaks for all. */
const NEAREST: readonly Standing[] = ['good', 'expired', 'revoked', 'weak', 'unfit'];

export const nearestOf = (standings: readonly Standing[]): Standing =>
  NEAREST.find((standing) => standings.includes(standing)) ?? 'unfit';

/** @param copies all files of the primary key: a revocation is true wherever it is found. @param signing of the first one */
export async function standingOf(
  pgp: OpenPgp,
  copies: readonly PublicKey[],
  signing: SigningKey,
  now: Date,
): Promise<Standing> {
  const [key] = copies;
  if (key === undefined) return 'unfit';
  for (const copy of copies) if (await isRevoked(pgp, copy, signing, now)) return 'revoked';
  if ((weaknessOf(pgp, signing) ?? weaknessOf(pgp, key)) !== undefined) return 'weak';
  for (const end of await endsOf(pgp, key, signing)) if (end !== undefined && end <= now.getTime()) return 'expired';
  try {
    await key.getSigningKey(signing.getKeyID(), now, undefined, pgp.config);
    return 'good';
  } catch (error) {
    if (error instanceof Error) return 'unfit'; // its message is for whoever verifies a signature by it
    throw error;
  }
}

/** The key itself, or its subkey, as this copy has it. */
export async function isRevoked(
  pgp: OpenPgp,
  copy: PublicKey,
  signing: SigningKey,
  now: Date,
): Promise<'key' | 'subkey' | undefined> {
  if (await copy.isRevoked(undefined, undefined, now, pgp.config)) return 'key';
  const subkey = copy.subkeys.find((one) => one.getFingerprint() === signing.getFingerprint());
  const [binding] = subkey?.bindingSignatures ?? [];
  if (subkey === undefined || binding === undefined) return undefined;
  return (await subkey.isRevoked(binding, copy.keyPacket, now, pgp.config)) ? 'subkey' : undefined;
}

/** When the key, and the subkey, cease to count (ms since the epoch); undefined: never. */
export async function endsOf(
  { config }: OpenPgp,
  key: PublicKey,
  signing: SigningKey,
): Promise<readonly (number | undefined)[]> {
  const ofKey = momentOf(await key.getExpirationTime(undefined, config));
  if (!('mainKey' in signing)) return [ofKey];
  // Its date has to be any: at a date after the binding's own end the library would say "unknown".
  return [ofKey, momentOf(await signing.getExpirationTime(null as unknown as Date, config))];
}
