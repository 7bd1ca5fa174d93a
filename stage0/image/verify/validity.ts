/** Whether a key may sign today: not revoked, not expired, made for it. */
import { messageOf } from '#kernel/errors';
import { signingKey } from './candidates';
import type { TrustedKey } from './key-file';
import { algorithmName, momentOf, type OpenPgp, type SignaturePacket, type SigningKey } from './openpgp';
import type { Refuse } from './refusal';
import { endsOf, isRevoked } from './standing';

interface Today {
  readonly pgp: OpenPgp;
  readonly now: Date;
}

/** One copy that says so is enough: a revocation is signed by the key itself, and true wherever it is found. */
export async function refuseRevoked(
  copies: readonly TrustedKey[],
  signing: SigningKey,
  { pgp, now }: Today,
  refuse: Refuse,
): Promise<void> {
  for (const { key, file } of copies) {
    const revoked = await isRevoked(pgp, key, signing, now);
    if (revoked === undefined) continue;
    const which = revoked === 'key' ? 'the key' : 'its subkey';
    throw refuse('signature-key-revoked', `does not count: ${which} was revoked (says ${file.path})`);
  }
}

/**
 * The key has to be valid now, not only when it signed: nobody tells an old signature from one that was dated back after the
 * key was given up. (gpg and the library accept signatures of keys that expired later.)
 * @returns when the signature ceases to count, if ever
 */
export async function refuseUntimely(
  packet: SignaturePacket,
  trusted: TrustedKey,
  { pgp, now }: Today,
  refuse: Refuse,
): Promise<number | undefined> {
  const { key } = trusted;
  const signing = signingKey(trusted, packet);
  if (signing === undefined)
    throw refuse('signature-invalid', `is by a subkey that ${trusted.file.path} does not have`);
  const created = momentOf(packet.created) ?? Number.POSITIVE_INFINITY;
  if (created > now.getTime()) {
    throw refuse('signature-invalid', 'was made in the future', {
      hint: 'compare the clocks of this host and of the signer',
    });
  }
  if (created < signing.getCreationTime().getTime()) throw refuse('signature-invalid', 'is older than its key');
  const keyEnds = await endsOf(pgp, key, signing);
  for (const end of keyEnds) {
    if (end === undefined || end > now.getTime()) continue;
    throw refuse(
      'signature-key-expired',
      `does not count: the key expired on ${new Date(end).toISOString().slice(0, 10)}`,
    );
  }
  const signatureEnd = momentOf(packet.getExpirationTime());
  if (signatureEnd !== undefined && signatureEnd <= now.getTime()) {
    throw refuse('signature-expired', `expired on ${new Date(signatureEnd).toISOString().slice(0, 10)}`);
  }
  await refuseUnfit(key, signing, pgp, now, refuse);
  const ends = [...keyEnds, signatureEnd].filter((end) => end !== undefined);
  return ends.length === 0 ? undefined : Math.min(...ends);
}

/** Self-signatures, the binding of the subkey in both directions, the permission to sign data. */
async function refuseUnfit(
  key: TrustedKey['key'],
  signing: SigningKey,
  pgp: OpenPgp,
  now: Date,
  refuse: Refuse,
): Promise<void> {
  try {
    await key.getSigningKey(signing.getKeyID(), now, undefined, pgp.config);
  } catch (error) {
    const why = `does not count: ${algorithmName(signing)} key ${signing.getKeyID().toHex().toUpperCase()} must not sign data`;
    throw refuse('signature-invalid', `${why} (${messageOf(error)})`, {
      cause: error,
      hint: 'the key file is damaged or incomplete, or the key was not made for signing',
    });
  }
}
