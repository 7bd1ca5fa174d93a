/**
 * The way of a large body from the connection to its reader, in memory that is used again. Node makes a buffer of each piece that
 * comes, and node:http another one of what is in it, of 64 KiB at most: that is more work than all that is done with them then.
 */
import type { IncomingMessage } from 'node:http';
import type { OnReadOpts, Socket } from 'node:net';

const FULL_BYTES = 256 * 1024;
/** For what comes when no more is read: Node's TLS hands on all that it has, 64 KiB and a record. And for the first read after that. */
const SPARE_BYTES = 96 * 1024;

interface Slab {
  readonly buffer: Buffer;
  /** What waits in it, from where to where. */
  from: number;
  to: number;
}

const newSlab = (): Slab => ({ buffer: Buffer.allocUnsafeSlow(FULL_BYTES + SPARE_BYTES), from: 0, to: 0 });
const isEmpty = ({ from, to }: Slab): boolean => from === to;
const isFull = ({ to }: Slab): boolean => to >= FULL_BYTES;

/** Reads one connection: for node:http, until somebody takes the body. */
export class Intake {
  /** For `connect`, of node:net or node:tls. */
  readonly onread: OnReadOpts = { buffer: () => this.#room(), callback: (size) => this.#came(size) };
  #socket: Socket | undefined;
  /** Reads go to the first; what waits in the other one came before. */
  readonly #slabs: [Slab, Slab] = [newSlab(), newSlab()];
  /** The one that the reader's piece is in. */
  #lent: Slab | undefined;
  #isTaken = false;
  #isPaused = false;
  #wake: (() => void) | undefined;

  /** @param socket made with `onread` */
  attach(socket: Socket): void {
    this.#socket = socket;
  }

  /**
   * The body of a message, of so many bytes; to be called once. Each piece stays as it is until the next one is asked for.
   * @throws Error of the connection, ECONNRESET if it ends early
   */
  async *body(message: IncomingMessage, size: number): AsyncGenerator<Buffer> {
    let left = size;
    let end: Error | undefined;
    const over = (error?: Error): void => {
      end ??= error ?? Object.assign(new Error('cut short'), { code: 'ECONNRESET' });
      this.#wake?.();
    };
    message.on('error', over);
    this.#socket?.once('close', () => over());
    if (message.destroyed || this.#socket?.destroyed === true) over();
    this.#isTaken = true;
    // What came with the header.
    const begun = message.read() as Buffer | null;
    this.#socket?.resume();
    for (let piece = begun ?? undefined; ; piece = this.#next()) {
      if (piece !== undefined) {
        yield piece.length > left ? piece.subarray(0, left) : piece;
        left -= piece.length;
      }
      if (left <= 0) return;
      if (piece !== undefined) continue;
      if (end !== undefined) throw end;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** All that waits in one of them, if anything does. What was lent before is free again. */
  #next(): Buffer | undefined {
    this.#lent = undefined;
    const slab = this.#slabs.findLast((each) => !isEmpty(each));
    const piece = slab?.buffer.subarray(slab.from, slab.to);
    if (slab !== undefined) slab.from = slab.to;
    this.#lent = slab;
    if (this.#isPaused && !this.#isOtherBusy) {
      this.#isPaused = false;
      this.#socket?.resume();
    }
    return piece;
  }

  get #isOtherBusy(): boolean {
    const [, other] = this.#slabs;
    return other === this.#lent || !isEmpty(other);
  }

  /** @returns whether to read on */
  #came(size: number): boolean {
    const [slab] = this.#slabs;
    if (!this.#isTaken) {
      this.#socket?.emit('data', slab.buffer.subarray(0, size));
      return true;
    }
    slab.to += size;
    if (this.#isPaused && slab.to === slab.buffer.length)
      this.#socket?.destroy(new Error('more came than there is room for'));
    // Not at once: more may come in the same turn of the loop.
    if (this.#wake !== undefined) setImmediate(this.#wake);
    this.#wake = undefined;
    this.#isPaused = isFull(slab) && this.#isOtherBusy;
    return !this.#isPaused;
  }

  /** Where the next read goes: asked after each one. */
  #room(): Buffer {
    if (isFull(this.#slabs[0]) && !this.#isOtherBusy) {
      this.#slabs.reverse();
      const [slab] = this.#slabs;
      slab.from = 0;
      slab.to = 0;
    }
    const [slab] = this.#slabs;
    return slab.buffer.subarray(slab.to, isFull(slab) ? undefined : FULL_BYTES);
  }
}
