/** Whole D-Bus messages (D-Bus specification, "Message Protocol"): encoded, framed and decoded. */
import { marshal } from './marshal';
import { alignTo, type Value, type Variant } from './signature';
import { unmarshal } from './unmarshal';

const HEADER = 'yyyyuua(yv)';
const PROTOCOL_VERSION = 1;
/** The fixed part of a header: up to and including the length of the array of header fields. */
const FIXED_BYTES = 16;
/** The specification's limit on a whole message. */
const MAX_MESSAGE = 128 * 1024 * 1024;
const LITTLE_ENDIAN = 0x6c; // 'l'
const NO_FLAGS = 0;
/** Of a field: code, signature, length, NUL and padding. */
const MAX_FIELD_OVERHEAD = 16;
const [TYPE_G, TYPE_O, TYPE_S, TYPE_U] = [0x67, 0x6f, 0x73, 0x75];

const TYPES = ['invalid', 'call', 'return', 'error', 'signal'] as const;
export type MessageType = (typeof TYPES)[number];

/** Header fields: their codes on the wire and the types of their values. */
const FIELDS = {
  path: [1, 'o'],
  interface: [2, 's'],
  member: [3, 's'],
  errorName: [4, 's'],
  replySerial: [5, 'u'],
  destination: [6, 's'],
  sender: [7, 's'],
  signature: [8, 'g'],
} as const;

export interface MethodCall {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly signature?: string;
  readonly body?: readonly Value[];
}

export interface Message {
  readonly type: MessageType;
  readonly serial: number;
  /** Present in replies and errors: the serial of the call they answer. */
  readonly replySerial: number;
  readonly sender: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly errorName: string;
  /** Decoded when it is first asked for. @throws TypeError, RangeError if it is not what its signature says */
  readonly body: readonly Value[];
  /** False if `text` (ASCII) is nowhere in the body: far cheaper to find out than what is in it. */
  mayMention(text: string): boolean;
}

export function encodeCall(call: MethodCall, serial: number): Buffer {
  const signature = call.signature ?? '';
  const values = call.body ?? [];
  const body = signature === 'ss' ? encodeTexts(values.map(String)) : marshal(signature, values);
  const fields = encodeFields([
    ['path', call.path],
    ['destination', call.destination],
    ['interface', call.interface],
    ['member', call.member],
    ...(signature === '' ? [] : [['signature', signature] as const]),
  ]);
  const fixed = Buffer.alloc(FIXED_BYTES);
  fixed.set([LITTLE_ENDIAN, TYPES.indexOf('call'), NO_FLAGS, PROTOCOL_VERSION]);
  fixed.writeUInt32LE(body.length, 4);
  fixed.writeUInt32LE(serial, 8);
  fixed.writeUInt32LE(fields.length, 12);
  return Buffer.concat([fixed, fields, Buffer.alloc(padding(fields.length)), body]);
}

/** The body of most calls by hand, for the reason that encodeFields() has. */
function encodeTexts(texts: readonly string[]): Buffer {
  const buffer = Buffer.alloc(texts.reduce((size, text) => size + MAX_FIELD_OVERHEAD + 3 * text.length, 0));
  let end = 0;
  for (const text of texts) {
    if (text.includes('\0')) throw new TypeError('a D-Bus string with a NUL in it');
    const at = alignTo(end, 4);
    const length = buffer.write(text, at + 4);
    buffer.writeUInt32LE(length, at);
    end = at + 4 + length + 1;
  }
  return buffer.subarray(0, end);
}

type TextField = 'path' | 'destination' | 'interface' | 'member' | 'signature';

/**
 * The `a(yv)` of a header by hand: every message has one, and the general marshaller, not yet compiled in a process that lives
 * for milliseconds, takes three times as long.
 */
function encodeFields(fields: readonly (readonly [TextField, string])[]): Buffer {
  const buffer = Buffer.alloc(fields.reduce((size, [, text]) => size + MAX_FIELD_OVERHEAD + 3 * text.length, 0));
  let at = 0;
  let end = 0;
  for (const [name, text] of fields) {
    const [code, type] = FIELDS[name];
    if (text.includes('\0')) throw new TypeError(`the ${name} of a D-Bus message has a NUL in it`);
    buffer.set([code, 1, type.charCodeAt(0), 0], at);
    const lengthBytes = type === 'g' ? 1 : 4;
    const length = buffer.write(text, at + 4 + lengthBytes);
    buffer.writeUIntLE(length, at + 4, lengthBytes);
    end = at + 4 + lengthBytes + length + 1;
    at = alignTo(end, 8);
  }
  return buffer.subarray(0, end);
}

/** Zero bytes needed to reach the next multiple of 8, where a body begins. */
const padding = (length: number): number => -length & 7;

/** Bytes of the message that begins here, or undefined while too little of it is there to tell. @throws RangeError */
export function messageLength(bytes: Buffer): number | undefined {
  if (bytes.length < FIXED_BYTES) return undefined;
  const little = bytes[0] === LITTLE_ENDIAN;
  const body = little ? bytes.readUInt32LE(4) : bytes.readUInt32BE(4);
  const fields = little ? bytes.readUInt32LE(12) : bytes.readUInt32BE(12);
  const total = FIXED_BYTES + fields + padding(FIXED_BYTES + fields) + body;
  if (total > MAX_MESSAGE) throw new RangeError(`a D-Bus message of ${total} bytes`);
  return total;
}

/** Decodes exactly one message, but for its body. @throws TypeError, RangeError if it is not one */
export function decodeMessage(bytes: Buffer): Message {
  const little = bytes[0] === LITTLE_ENDIAN;
  if (bytes[3] !== PROTOCOL_VERSION) throw new RangeError(`D-Bus protocol version ${bytes[3]}`);
  const word = (at: number): number => (little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const fields = (little ? quickFields(bytes, word(12)) : undefined) ?? allFields(bytes, little);
  const text = (name: keyof typeof FIELDS) => String(fields.get(FIELDS[name][0]) ?? '');
  const rawBody = bytes.subarray(bytes.length - word(4));
  let body: readonly Value[] | undefined;
  return {
    type: TYPES[bytes[1] ?? 0] ?? 'invalid',
    serial: word(8),
    replySerial: Number(fields.get(FIELDS.replySerial[0]) ?? 0),
    sender: text('sender'),
    path: text('path'),
    interface: text('interface'),
    member: text('member'),
    errorName: text('errorName'),
    get body() {
      body ??= unmarshal(text('signature'), rawBody, little);
      return body;
    },
    mayMention: (wanted) => rawBody.includes(wanted, 0, 'latin1'),
  };
}

type HeaderFields = ReadonlyMap<number, Value>;

/** What a bus of today sends: fields of one basic type each, read by hand as they are written above. Undefined if there are others. */
function quickFields(bytes: Buffer, length: number): HeaderFields | undefined {
  const fields = new Map<number, Value>();
  const end = FIXED_BYTES + length;
  for (let at = FIXED_BYTES; at < end; at = alignTo(at, 8)) {
    const code = bytes[at] ?? 0;
    const type = bytes[at + 1] === 1 ? bytes[at + 2] : undefined;
    if (type === TYPE_U) {
      fields.set(code, bytes.readUInt32LE(at + 4));
      at += 8;
      continue;
    }
    const lengthBytes = type === TYPE_G ? 1 : 4;
    if (type !== TYPE_G && type !== TYPE_S && type !== TYPE_O) return undefined;
    const start = at + 4 + lengthBytes;
    const stop = start + bytes.readUIntLE(at + 4, lengthBytes);
    if (stop >= end || bytes[stop] !== 0) throw new RangeError('a D-Bus header field reaches beyond its header');
    fields.set(code, bytes.toString('utf8', start, stop));
    at = stop + 1;
  }
  return fields;
}

function allFields(bytes: Buffer, little: boolean): HeaderFields {
  const fields = unmarshal(HEADER, bytes, little)[6] as readonly (readonly [number, Variant])[];
  return new Map(fields.map(([code, { value }]) => [code, value]));
}
