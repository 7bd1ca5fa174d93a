/** Reads signature files: armoured or binary, one detached signature or several (appc A7–A9). */
import { messageOf, PodctlError } from '#kernel/errors';
import { dearmor, isArmored } from './armor';
import type { OpenPgp, SignaturePacket } from './openpgp';

/** A signature has 100 to 1,000 bytes. */
export const MAX_SIGNATURE_SIZE = 64 * 1024;

/** Each costs a public-key operation, and may cost a hash of the whole image. */
const MAX_SIGNATURES = 16;

/** Version 3 died with PGP 2 and version 5 never became a standard; the library reads neither. */
const VERSIONS: readonly number[] = [4, 6];

/** @throws PodctlError `signature-malformed` */
export async function readSignatures(pgp: OpenPgp, bytes: Buffer, origin: string): Promise<readonly SignaturePacket[]> {
  const packets: SignaturePacket[] = [];
  for (const binarySignature of signatureBlocks(bytes, origin)) {
    const signature = await pgp.library
      .readSignature({ binarySignature, config: pgp.config })
      .catch((cause: unknown) => Promise.reject(malformed(origin, messageOf(cause), cause)));
    packets.push(...signature.packets.filterByTag(pgp.library.enums.packet.signature));
  }
  const usable = packets.filter((packet) => isOfData(pgp, packet));
  if (usable.length === 0) throw malformed(origin, 'there is no signature of data in it that podctl can read');
  if (usable.length > MAX_SIGNATURES) throw malformed(origin, `more than ${MAX_SIGNATURES} signatures`);
  return usable;
}

function isOfData({ library }: OpenPgp, packet: SignaturePacket): boolean {
  const { binary, text } = library.enums.signature;
  return VERSIONS.includes(packet.version) && (packet.signatureType === binary || packet.signatureType === text);
}

function signatureBlocks(bytes: Buffer, origin: string): readonly Uint8Array[] {
  if (bytes.length === 0) throw malformed(origin, 'the file is empty');
  if (bytes.length > MAX_SIGNATURE_SIZE)
    throw malformed(origin, `larger than a signature (${MAX_SIGNATURE_SIZE} bytes)`);
  if (!isArmored(bytes)) return [bytes];
  try {
    return dearmor(bytes)
      .filter(({ type }) => type === 'SIGNATURE')
      .map(({ data }) => data);
  } catch (error) {
    throw malformed(origin, messageOf(error), error);
  }
}

const malformed = (origin: string, why: string, cause?: unknown): PodctlError =>
  new PodctlError('signature-malformed', `${origin}: ${why}`, { position: origin, cause });
