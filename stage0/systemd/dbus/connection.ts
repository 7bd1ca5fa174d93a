/**
 * A client of the system bus. Authentication, Hello and all calls made in the same turn of the event loop leave in one
 * write, so that the first answer is one round trip away (measured: DESIGN §10, docs/dependencies.md).
 */
import { messageOf, PodctlError } from '#kernel/errors';
import { type Bus, BusError, type MatchRule, type Reply, type Signal } from '../bus';
import { noBus } from '../host';
import { decodeMessage, encodeCall, type Message, type MethodCall, messageLength } from './message';
import type { Value } from './signature';
import { fdStream, netStream, type SocketPort, type Stream, type StreamEvents } from './stream';

export interface ConnectOptions {
  /** Path of an AF_UNIX socket, with a leading NUL for an abstract one. */
  readonly socket: string;
  /** Effective user ID, for SASL EXTERNAL. */
  readonly uid: number;
  /** The addon, for the cheaper way to connect; without it node:net is used. */
  readonly sockets?: SocketPort;
}

/** As systemctl waits, and other clients of the bus: PID 1 answers in milliseconds, and jobs are not waited for by calls. */
export const CALL_TIMEOUT_MS = 25_000;

const BUS = {
  destination: 'org.freedesktop.DBus',
  path: '/org/freedesktop/DBus',
  interface: 'org.freedesktop.DBus',
} as const;

/** The first call on every connection. */
export const HELLO: MethodCall = { ...BUS, member: 'Hello' };

/** SASL EXTERNAL without waiting for an answer: a refusal shows in what is read later. */
export const greetingOf = (uid: number): Buffer =>
  Buffer.from(`\0AUTH EXTERNAL ${Buffer.from(String(uid)).toString('hex')}\r\nBEGIN\r\n`);

interface Pending {
  readonly call: MethodCall;
  readonly timer: NodeJS.Timeout;
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

/** Connects in the background: a failure to connect rejects the calls. */
export function connectBus(options: ConnectOptions): Bus {
  return new Connection(options);
}

class Connection implements Bus {
  readonly closed: Promise<Error | undefined>;
  readonly #path: string;
  readonly #stream: Stream;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners: { rule: MatchRule; listener: (signal: Signal) => void }[] = [];
  #settleClosed: (error: Error | undefined) => void = () => undefined;
  #failure: Error | undefined;
  #outgoing: Buffer[] = [];
  #incoming: Buffer = Buffer.alloc(0);
  #authenticated = false;
  #serial = 0;

  constructor({ socket, uid, sockets }: ConnectOptions) {
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve;
    });
    this.#path = socket;
    const events: StreamEvents = {
      data: (bytes) => this.#receive(bytes),
      ended: (error) => this.#fail(noBus(socket, error)),
    };
    this.#stream = sockets === undefined ? netStream(socket, events) : fdStream(sockets, socket, events);
    this.#send(greetingOf(uid));
    this.call(HELLO).catch((error) => this.#fail(error));
  }

  call(call: MethodCall, timeoutMs = CALL_TIMEOUT_MS): Promise<Reply> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#serial += 1;
    const serial = this.#serial;
    this.#send(encodeCall(call, serial));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(serial);
        reject(
          new PodctlError('systemd-silent', `${call.destination} did not answer ${call.member} in ${timeoutMs} ms`),
        );
      }, timeoutMs);
      this.#pending.set(serial, { call, timer, resolve, reject });
    });
  }

  match(rule: MatchRule, listener: (signal: Signal) => void): Promise<unknown> {
    this.#listeners.push({ rule, listener });
    const conditions = Object.entries({ type: 'signal', ...rule }).map(([key, value]) => `${key}='${value}'`);
    return this.call({ ...BUS, member: 'AddMatch', signature: 's', body: [conditions.join(',')] });
  }

  close(): void {
    this.#fail(undefined);
  }

  #send(bytes: Buffer): void {
    if (this.#outgoing.push(bytes) > 1) return;
    queueMicrotask(() => {
      this.#stream.write(Buffer.concat(this.#outgoing));
      this.#outgoing = [];
    });
  }

  #receive(bytes: Buffer): void {
    this.#incoming = this.#incoming.length === 0 ? bytes : Buffer.concat([this.#incoming, bytes]);
    if (!this.#authenticated && !this.#authenticate()) return;
    for (let message = this.#next(); message !== undefined; message = this.#next()) this.#dispatch(message);
  }

  /** Takes the server's one line of SASL; false while it is incomplete. */
  #authenticate(): boolean {
    const end = this.#incoming.indexOf('\r\n');
    if (end < 0) return false;
    const line = this.#incoming.toString('latin1', 0, end);
    this.#incoming = this.#incoming.subarray(end + 2);
    this.#authenticated = line.startsWith('OK ');
    if (!this.#authenticated) this.#fail(noBus(this.#path, new Error(`it answered "${line}" to our authentication`)));
    return this.#authenticated;
  }

  /** Takes the next whole message. */
  #next(): Message | undefined {
    try {
      const length = messageLength(this.#incoming);
      if (length === undefined || this.#incoming.length < length) return undefined;
      const message = decodeMessage(this.#incoming.subarray(0, length));
      this.#incoming = this.#incoming.subarray(length);
      return message;
    } catch (error) {
      this.#failDamaged(error);
      return undefined;
    }
  }

  #dispatch(message: Message): void {
    try {
      if (message.type !== 'signal') this.#answer(message, message.body);
      else for (const { rule, listener } of this.#listeners) if (meets(message, rule)) listener(message);
    } catch (error) {
      if (!(error instanceof TypeError) && !(error instanceof RangeError)) throw error;
      this.#failDamaged(error);
    }
  }

  #failDamaged(error: unknown): void {
    this.#fail(noBus(this.#path, new Error(`it sent what is not D-Bus (${messageOf(error)})`)));
  }

  #answer(message: Message, body: readonly Value[]): void {
    const pending = this.#pending.get(message.replySerial);
    if (pending === undefined) return;
    this.#pending.delete(message.replySerial);
    clearTimeout(pending.timer);
    if (message.type === 'return') pending.resolve(message);
    else pending.reject(new BusError(message.errorName, String(body[0] ?? ''), pending.call));
  }

  /** The first cause counts; undefined is our own close(). */
  #fail(error: Error | undefined): void {
    if (this.#failure !== undefined) return;
    this.#failure = error ?? new PodctlError('internal', 'the bus connection was used after its end');
    this.#stream.destroy();
    for (const { timer, reject } of this.#pending.values()) {
      clearTimeout(timer);
      reject(this.#failure);
    }
    this.#pending.clear();
    this.#settleClosed(error);
  }
}

function meets(signal: Message, rule: MatchRule): boolean {
  return (
    signal.interface === rule.interface &&
    signal.member === rule.member &&
    (rule.path === undefined || signal.path === rule.path) &&
    (rule.arg2 === undefined || signal.body[2] === rule.arg2)
  );
}
