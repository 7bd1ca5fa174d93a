/**
 * Names as the archive has them: bytes, not text. A ByteString holds one byte per character (latin1), which makes it a Map
 * key, comparable and splittable without losing names that are not UTF-8.
 */
import type { Brand } from '#kernel/brand';

export type ByteString = Brand<string, 'ByteString'>;

export const fromBytes = (bytes: Buffer): ByteString => bytes.toString('latin1', 0, bytes.length) as ByteString;
export const toBytes = (name: ByteString): Buffer => Buffer.from(name, 'latin1');
/** From text, as manifests have it. */
export const fromText = (text: string): ByteString => fromBytes(Buffer.from(text, 'utf8'));

/** For messages: UTF-8 where it is, and every control character escaped, so that a name cannot draw on a terminal. */
export const display = (name: ByteString): string =>
  JSON.stringify(toBytes(name).toString('utf8')).replace(
    /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
