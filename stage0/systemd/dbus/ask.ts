/**
 * Calls whose answers are waited for by blocking. A start in a unit of the user's asks systemd two questions and then needs the
 * bus no more: a Connection costs it 7 ms, for threads, timers and turns of the event loop.
 */
import { closeSync, readSync, writeSync } from 'node:fs';
import { isErrno, PodctlError } from '#kernel/errors';
import { BusError, type Value, type Variant } from '../bus';
import { noBus } from '../host';
import { CALL_TIMEOUT_MS, greetingOf, HELLO } from './connection';
import { decodeMessage, encodeCall, type MethodCall, messageLength } from './message';

/** The addon's part (stage1/native/addon.d.ts). */
export interface AskPort {
  /** As SocketPort has it; with `patienceMs`, a read(2) that waits longer fails with EAGAIN. */
  connectUnix(path: string, patienceMs: number): number;
}

export interface AskOptions {
  /** As ConnectOptions has them. */
  readonly socket: string;
  readonly uid: number;
  readonly sockets: AskPort;
  /** For all answers together. */
  readonly timeoutMs?: number;
}

const READ_BYTES = 16_384;
const MILLISECOND = 1_000_000n;
const [LITTLE_ENDIAN, RETURN, ERROR] = [0x6c, 2, 3];
/** A variant of one number or truth value: its signature, padding, four bytes. */
const SHORT_VARIANT = 8;
const [TYPE_U, TYPE_B] = [0x75, 0x62];

const requestOf = (uid: number, calls: readonly MethodCall[]): Buffer =>
  Buffer.concat([greetingOf(uid), ...calls.map((call, index) => encodeCall(call, index + 1))]);

/** All that goes to the bus when this is asked. */
export const questionOf = (uid: number, calls: readonly MethodCall[]): Buffer => requestOf(uid, [HELLO, ...calls]);

/**
 * Asks for properties of one object. The returned function, to be called once, waits for their values, which are in the same
 * order: the bus keeps it.
 * @throws PodctlError `no-systemd`; the returned function also `systemd-silent`, and BusError if one of the answers is an error
 */
export function askProperties(options: AskOptions, calls: readonly MethodCall[]): () => readonly Value[] {
  const { socket, uid, sockets, timeoutMs = CALL_TIMEOUT_MS } = options;
  const all = [HELLO, ...calls];
  const request = requestOf(uid, all);
  let fd: number;
  try {
    fd = sockets.connectUnix(socket, timeoutMs);
    for (let at = 0; at < request.length; ) at += writeSync(fd, request, at);
  } catch (error) {
    throw noBus(socket, error as Error);
  }
  return () => {
    try {
      return new Answers(fd, socket, timeoutMs).to(all);
    } catch (error) {
      throw error instanceof TypeError || error instanceof RangeError ? noBus(socket, error) : error;
    } finally {
      closeSync(fd);
    }
  };
}

/** What comes from the bus, in the order it comes. */
class Answers {
  readonly #fd: number;
  readonly #socket: string;
  readonly #timeoutMs: number;
  readonly #end: bigint;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(fd: number, socket: string, timeoutMs: number) {
    this.#fd = fd;
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
    this.#end = process.hrtime.bigint() + BigInt(timeoutMs) * MILLISECOND;
  }

  /** The values that the calls return, but for the first call. */
  to(calls: readonly MethodCall[]): readonly Value[] {
    this.#readAuthentication();
    return calls.map((call) => this.#answer(call)).slice(1);
  }

  #readAuthentication(): void {
    let end = this.#bytes.indexOf('\r\n');
    for (; end < 0; end = this.#bytes.indexOf('\r\n')) this.#more();
    const line = this.#bytes.toString('latin1', 0, end);
    if (!line.startsWith('OK ')) throw this.#unusable(`it answered "${line}" to our authentication`);
    this.#bytes = this.#bytes.subarray(end + 2);
  }

  #answer(call: MethodCall): Value {
    for (let message = this.#message(); ; message = this.#message()) {
      if (message[1] === RETURN) return variantIn(message);
      if (message[1] !== ERROR) continue; // a signal
      const { errorName, body } = decodeMessage(message);
      throw new BusError(errorName, String(body[0] ?? ''), call);
    }
  }

  #message(): Buffer {
    let size = messageLength(this.#bytes);
    for (; size === undefined || this.#bytes.length < size; size = messageLength(this.#bytes)) this.#more();
    const message = this.#bytes.subarray(0, size);
    this.#bytes = this.#bytes.subarray(size);
    return message;
  }

  #more(): void {
    if (process.hrtime.bigint() > this.#end) throw this.#silent();
    const chunk = Buffer.allocUnsafe(READ_BYTES);
    const length = this.#read(chunk);
    if (length === 0) throw this.#unusable('it closed the connection');
    this.#bytes = Buffer.concat([this.#bytes, chunk.subarray(0, length)]);
  }

  #read(chunk: Buffer): number {
    try {
      return readSync(this.#fd, chunk);
    } catch (error) {
      if (isErrno(error, 'EAGAIN')) throw this.#silent();
      throw noBus(this.#socket, error as Error);
    }
  }

  #silent(): PodctlError {
    return new PodctlError('systemd-silent', `the system bus did not answer in ${this.#timeoutMs} ms`);
  }

  #unusable(why: string): PodctlError {
    return noBus(this.#socket, new Error(why));
  }
}

/** What is in the variant that a message returns; of what returns something else, the first value. */
function variantIn(message: Buffer): Value {
  // By hand, what systemd sends: the decoder, not yet compiled in a process that lives for milliseconds, takes three of them.
  const body = message.subarray(message.length - message.readUInt32LE(4));
  const isShort = message[0] === LITTLE_ENDIAN && body.length === SHORT_VARIANT && body[0] === 1;
  if (isShort && body[1] === TYPE_U) return body.readUInt32LE(4);
  if (isShort && body[1] === TYPE_B) return body.readUInt32LE(4) !== 0;
  const [value] = decodeMessage(message).body;
  return (value as Variant | undefined)?.value ?? value ?? 0;
}
