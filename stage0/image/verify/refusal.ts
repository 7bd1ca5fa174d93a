/** How a signature is refused: which one, by whom, why. */
import { PodctlError } from '#kernel/errors';
import type { TrustedKey } from './key-file';
import { groupsOfFour, ownerOf, type SignaturePacket } from './openpgp';

export type Refuse = (
  code: `signature-${'invalid' | 'weak' | 'expired' | 'key-untrusted' | 'key-revoked' | 'key-expired'}`,
  why: string,
  more?: { readonly cause?: unknown; readonly hint?: string },
) => PodctlError;

export function refuser(packet: SignaturePacket, { key }: TrustedKey, origin: string): Refuse {
  const made = packet.created?.toISOString().slice(0, 10) ?? 'at an unknown time';
  const by = `${groupsOfFour(key.getFingerprint())} (${ownerOf(key)})`;
  return (code, why, more) =>
    new PodctlError(code, `${origin}: the signature of ${made} by key ${by} ${why}`, { position: origin, ...more });
}
