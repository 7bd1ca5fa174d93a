/** Whole D-Bus messages (D-Bus specification, "Message Protocol"): encoded, framed and decoded. */
import { marshal } from './marshal';
import type { Value, Variant } from './signature';
import { unmarshal } from './unmarshal';

const HEADER = 'yyyyuua(yv)';
const PROTOCOL_VERSION = 1;
/** The fixed part of a header: up to and including the length of the array of header fields. */
const FIXED_BYTES = 16;
/** The specification's limit on a whole message. */
const MAX_MESSAGE = 128 * 1024 * 1024;
const LITTLE_ENDIAN = 0x6c; // 'l'
const NO_FLAGS = 0;

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
  const body = marshal(signature, call.body ?? []);
  const fields = [
    field('path', call.path),
    field('destination', call.destination),
    field('interface', call.interface),
    field('member', call.member),
    ...(signature === '' ? [] : [field('signature', signature)]),
  ];
  const type = TYPES.indexOf('call');
  const header = marshal(HEADER, [LITTLE_ENDIAN, type, NO_FLAGS, PROTOCOL_VERSION, body.length, serial, fields]);
  return Buffer.concat([header, Buffer.alloc(padding(header.length)), body]);
}

const field = (name: keyof typeof FIELDS, value: Value): readonly [number, Variant] => {
  const [code, signature] = FIELDS[name];
  return [code, { signature, value }];
};

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
  const [, type, , version, bodyLength, serial, rawFields] = unmarshal(HEADER, bytes, little);
  if (version !== PROTOCOL_VERSION) throw new RangeError(`D-Bus protocol version ${version}`);
  const fields = new Map(rawFields as readonly (readonly [number, Variant])[]);
  const text = (name: keyof typeof FIELDS) => String(fields.get(FIELDS[name][0])?.value ?? '');
  const rawBody = bytes.subarray(bytes.length - Number(bodyLength));
  let body: readonly Value[] | undefined;
  return {
    type: TYPES[Number(type)] ?? 'invalid',
    serial: Number(serial),
    replySerial: Number(fields.get(FIELDS.replySerial[0])?.value ?? 0),
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
