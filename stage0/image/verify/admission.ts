/**
 * How a key came into the keystore, written into its file as a `Comment:` of the ASCII armour (RFC 9580 §6.2.2.2), which every
 * OpenPGP program skips: it appears, changes and goes with the key itself.
 */
/** Who looked at the fingerprint: somebody at a terminal, somebody before (`--skip-fingerprint-review`), or nobody. */
export type Reviewed = 'asked' | 'skipped' | 'nobody';

export interface Admission {
  /** ISO date and time. */
  readonly at: string;
  readonly reviewed: Reviewed;
  /** File or URL, percent-encoded where it is not printable ASCII. */
  readonly from: string;
}

const MAX_ORIGIN = 300;
const COMMENT =
  /^Comment: podctl trusted this key at ([0-9TZ:.-]{20,30}), reviewed: (asked|skipped|nobody), from: ([!-~]+)\s*$/m;
const ANY_COMMENT = /^Comment: .*\r?\n/gm;
const BEGIN = '-----BEGIN PGP PUBLIC KEY BLOCK-----\n';

/** Lines that say nothing about the key: trust does not end when they change. */
export const withoutComments = (bytes: Buffer): Buffer =>
  bytes[0] === 0x2d ? Buffer.from(bytes.toString('latin1').replace(ANY_COMMENT, ''), 'latin1') : bytes;

/** The armoured key with the comment. @param origin file or URL */
export function admitted(armored: string, origin: string, reviewed: Reviewed, now: Date): string {
  const bytes = Buffer.from(origin.slice(0, MAX_ORIGIN), 'utf8').toString('latin1');
  const from = bytes.replace(/[^!-~]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}`);
  const comment = `Comment: podctl trusted this key at ${now.toISOString()}, reviewed: ${reviewed}, from: ${from || '-'}\n`;
  const text = armored.replaceAll('\r\n', '\n');
  return text.startsWith(BEGIN) ? `${BEGIN}${comment}${text.slice(BEGIN.length)}` : text;
}

/** Undefined if somebody else put the key there. The file is its administrator's, its words are believed. */
export function admissionOf(bytes: Buffer): Admission | undefined {
  const [, at, reviewed, from] = COMMENT.exec(bytes.subarray(0, 4096).toString('latin1')) ?? [];
  if (at === undefined || from === undefined) return undefined;
  const who = reviewed === 'asked' || reviewed === 'skipped' ? reviewed : 'nobody';
  return { at, reviewed: who, from };
}
