/** The port to the system bus. dbus/connection.ts implements it; nothing else in podctl speaks D-Bus. */
import type { MethodCall } from './dbus/message';
import type { Value } from './dbus/signature';

export type { MethodCall } from './dbus/message';
export type { Value, Variant } from './dbus/signature';

/** Conditions of a match rule, all of which a signal must meet; `arg2` compares its third argument, a string. */
export interface MatchRule {
  /** Well-known name of the sender; the bus compares it, see Signal.sender. */
  readonly sender: string;
  readonly interface: string;
  readonly member: string;
  readonly path?: string;
  readonly arg2?: string;
}

export interface Reply {
  /** Unique name (`:1.7`) of the peer that answered. The bus vouches for it. */
  readonly sender: string;
  readonly body: readonly Value[];
}

/**
 * A signal that a match rule let through. Any peer may send signals straight to us, so what must not be forged is
 * compared by `sender` with that of a reply.
 */
export interface Signal {
  readonly sender: string;
  readonly path: string;
  /** Decoded when it is first asked for, within the listener or later. */
  readonly body: readonly Value[];
  /** False if `text` is nowhere in the body: far cheaper to find out than what is in it. */
  mayMention(text: string): boolean;
}

export interface Bus {
  /**
   * Calls a method. Calls made without awaiting one another travel together, in order, and are carried out in order.
   * @throws BusError if the peer answers with an error
   * @throws PodctlError `no-systemd` if there is no bus or it goes away, `systemd-silent` after `timeoutMs`
   */
  call(call: MethodCall, timeoutMs?: number): Promise<Reply>;
  /** Hands matching signals to `listener` from now on, until the bus is closed. Rejects like call(). */
  match(rule: MatchRule, listener: (signal: Signal) => void): Promise<unknown>;
  /** Settles when the connection is gone: why, or undefined after close(). */
  readonly closed: Promise<Error | undefined>;
  close(): void;
}

/**
 * Makes calls that return one variant each, without a Bus, for one who needs no other answer. The returned function, to be called
 * once, waits for the values by blocking. Both throw as calls reject.
 */
export type AskBus = (calls: readonly MethodCall[]) => () => readonly Value[];

/** A D-Bus error reply, not yet put in terms of what podctl was doing. */
export class BusError extends Error {
  override readonly name = 'BusError';
  /** For example `org.freedesktop.systemd1.NoSuchUnit`. */
  readonly errorName: string;
  readonly call: MethodCall;

  constructor(errorName: string, message: string, call: MethodCall) {
    super(message);
    this.errorName = errorName;
    this.call = call;
  }
}

/** True if `error` is a D-Bus error reply with one of these names; a name that ends with `.` stands for all below it. */
export const isBusError = (error: unknown, ...names: readonly string[]): boolean =>
  error instanceof BusError &&
  names.some((name) => (name.endsWith('.') ? error.errorName.startsWith(name) : error.errorName === name));
