/**
 * The hash that a signature signs (RFC 9580 §5.2.4), made by Node while the data passes by: salt (version 6), data, the
 * signature's own hashed part, trailer.
 *
 * The OpenPGP library then verifies that hash. Handing it the data as a stream works too, at 1.3 times the time and twice
 * the memory (500 MB, Ed25519 and SHA-256: 0.86 s and 92 MB, here 0.62 s and 54 MB), and it cannot be fed chunk by chunk.
 */
import { createHash, type Hash } from '#kernel/digest';
import type { OpenPgp, SignaturePacket, SigningKey } from './openpgp';

/** Node's names of the hashes that are good enough. SHA-1, MD5 and RIPEMD-160 collide, and have no entry. */
const HASHES: Readonly<Record<number, string>> = {
  8: 'sha256',
  9: 'sha384',
  10: 'sha512',
  11: 'sha224',
  12: 'sha3-256',
  14: 'sha3-512',
};

/** Members of the library's packets that its types leave out. If a version changes them, every verification fails. */
interface Untyped {
  /** A hash computed elsewhere, which `verify` takes instead of hashing its data. */
  hashed: Uint8Array;
  readonly salt: Uint8Array | null;
}
const untyped = (packet: SignaturePacket): Untyped => packet as unknown as Untyped;

export const isStrongHash = ({ hashAlgorithm }: SignaturePacket): boolean => HASHES[hashAlgorithm ?? 0] !== undefined;

/** The running hashes of one file, one for all signatures that can share it. */
export class SignedData {
  readonly #hashes = new Map<string, Hash>();

  constructor(packets: readonly SignaturePacket[]) {
    for (const packet of packets) {
      const name = HASHES[packet.hashAlgorithm ?? 0];
      if (name === undefined || this.#hashes.has(keyOf(packet))) continue;
      const hash = createHash(name);
      const { salt } = untyped(packet);
      if (salt !== null) hash.update(salt);
      this.#hashes.set(keyOf(packet), hash);
    }
  }

  update(chunk: Buffer): void {
    for (const hash of this.#hashes.values()) hash.update(chunk);
  }

  /**
   * Verifies that `key` made this signature of the data so far. Dates and the key's own validity are not looked at.
   * @throws Error that says why not
   */
  async verify({ library, config }: OpenPgp, packet: SignaturePacket, key: SigningKey): Promise<void> {
    const hash = this.#hashes.get(keyOf(packet));
    if (hash === undefined || packet.signatureData === null) throw new Error('it cannot be hashed');
    untyped(packet).hashed = hash.copy().update(packet.signatureData).update(trailer(packet)).digest();
    // Should the library ever hash this instead, no signature of it can exist.
    const instead = process.getBuiltinModule('node:crypto').randomBytes(32);
    const { keyPacket } = key;
    await packet.verify(keyPacket, library.enums.signature.binary, instead, ANY_DATE, true, config);
  }
}

/** The library understands null as "do not compare with a date"; its types do not say so. */
const ANY_DATE = null as unknown as Date;

const keyOf = (packet: SignaturePacket): string =>
  `${packet.hashAlgorithm}:${Buffer.from(untyped(packet).salt ?? []).toString('hex')}`;

function trailer({ version, signatureData }: SignaturePacket): Buffer {
  const bytes = Buffer.from([version, 0xff, 0, 0, 0, 0]);
  bytes.writeUInt32BE(signatureData?.length ?? 0, 2);
  return bytes;
}
