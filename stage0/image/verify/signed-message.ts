/**
 * OpenPGP signed messages (RFC 9580 §10.3): data and its signatures in one, as `gpg --sign` makes them. What is in one is told
 * only after a signature of it was accepted.
 */
import { messageOf, PodctlError } from '#kernel/errors';
import type { Verification } from '../fetch/port';
import { dearmor, isArmored } from './armor';
import { findCandidates, signingKey } from './candidates';
import { unknownKey } from './judge';
import { allKeys, type KeystoreDirs } from './keystore';
import { loadOpenPgp, type OpenPgp, type SignaturePacket } from './openpgp';
import { MAX_SIGNATURE_SIZE } from './signature-file';
import { SignedData } from './signed-digest';
import { explained, firstAccepted, verification } from './verifier';

/** What is signed so is a small document; compressed, it could be made to be anything. */
const MAX_CONTENT = 256 * 1024;
/** Each costs a public-key operation. */
const MAX_SIGNATURES = 16;

export interface SignedMessage {
  readonly content: Buffer;
  readonly verification: Verification;
}

/**
 * @param origin where the message is from, for people @param now ms since the epoch
 * @throws PodctlError `signature-*` unless a key trusted for that name made a valid signature of the content
 */
export async function openSignedMessage(
  dirs: KeystoreDirs,
  message: Buffer,
  origin: string,
  imageName: string,
  now: number,
): Promise<SignedMessage> {
  const pgp = await loadOpenPgp();
  const { content, packets } = await readMessage(pgp, message, origin);
  const keystore = allKeys(dirs);
  const found = await findCandidates(pgp, keystore, packets);
  const known = packets.filter((packet) => found.keys.some((key) => signingKey(key, packet) !== undefined));
  const [first] = packets;
  if (known.length === 0 && first !== undefined) throw explained(unknownKey(first, { origin }), keystore, found, dirs);
  const data = new SignedData(known);
  data.update(content);
  const about = { pgp, origin, data, keystore, candidates: found.keys, imageName, now: new Date(now) };
  return { content, verification: verification(await firstAccepted(packets, about), message, now) };
}

interface Parts {
  readonly content: Buffer;
  readonly packets: readonly SignaturePacket[];
}

/** @throws PodctlError `signature-malformed` */
async function readMessage({ library, config }: OpenPgp, bytes: Buffer, origin: string): Promise<Parts> {
  const malformed = (why: string, cause?: unknown): PodctlError =>
    new PodctlError('signature-malformed', `${origin}: ${why}`, {
      position: origin,
      cause,
      hint: 'a signed message is expected, as skopeo and podman write it (--sign-by)',
    });
  if (bytes.length > MAX_SIGNATURE_SIZE) throw malformed(`larger than a signature (${MAX_SIGNATURE_SIZE} bytes)`);
  try {
    const binaryMessage = isArmored(bytes) ? dearmor(bytes).find(({ type }) => type === 'MESSAGE')?.data : bytes;
    if (binaryMessage === undefined) throw malformed('there is no signed message in it');
    const bounded = { ...config, maxDecompressedMessageSize: MAX_CONTENT };
    const message = (await library.readMessage({ binaryMessage, config: bounded })).unwrapCompressed();
    const literals = message.packets.filterByTag(library.enums.packet.literalData);
    const content = message.getLiteralData();
    if (content === null || literals.length !== 1)
      throw malformed('there is no signed content in it, or more than one');
    // The library reads what follows the content only to verify it; without keys that comes to nothing but the packets.
    const found = await Promise.all((await message.verify([], undefined, bounded)).map(({ signature }) => signature));
    const packets = found.flatMap((signature) => signature.packets.filterByTag(library.enums.packet.signature));
    const usable = packets.filter(({ version }) => version === 4 || version === 6);
    if (usable.length === 0) throw malformed('there is no signature in it that podctl can read');
    if (usable.length > MAX_SIGNATURES) throw malformed(`more than ${MAX_SIGNATURES} signatures`);
    return { content: Buffer.from(content), packets: usable };
  } catch (error) {
    throw error instanceof PodctlError ? error : malformed(messageOf(error), error);
  }
}
