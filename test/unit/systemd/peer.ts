/** A D-Bus peer in this process: a server of one client, which answers the client's SASL and hands over its raw bytes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageLength } from '../../../stage0/systemd/dbus/message';

export interface Peer {
  readonly socket: string;
  /** The next whole message the client sent. */
  next(): Promise<Buffer>;
  /** Number of read events so far: how many writes of the client arrived apart. */
  reads(): number;
  send(bytes: Buffer): void;
  /** Ends the client's connection. */
  hangUp(): void;
  close(): void;
}

/** `greeting` replaces the server's SASL answer. */
export async function startPeer(greeting = 'OK 0123456789abcdef0123456789abcdef\r\n'): Promise<Peer> {
  const directory = mkdtempSync(join(tmpdir(), 'podctl-bus-'));
  const socket = join(directory, 'bus');
  const waiting: ((message: Buffer) => void)[] = [];
  const messages: Buffer[] = [];
  let client: Socket | undefined;
  let reads = 0;
  let begun = false;
  let bytes = Buffer.alloc(0);

  const server = createServer((connection) => {
    client = connection;
    connection.on('error', () => undefined); // ignored: tests cut connections on purpose
    connection.on('data', (chunk) => {
      reads += 1;
      bytes = Buffer.concat([bytes, chunk]);
      if (!begun) authenticate(connection);
      if (begun) frame();
    });
  });
  const authenticate = (connection: Socket) => {
    if (bytes.includes('AUTH EXTERNAL')) connection.write(greeting);
    const begin = bytes.indexOf('BEGIN\r\n');
    begun = begin >= 0;
    bytes = begun ? bytes.subarray(begin + 'BEGIN\r\n'.length) : Buffer.alloc(0);
  };
  const frame = () => {
    for (
      let length = messageLength(bytes);
      length !== undefined && bytes.length >= length;
      length = messageLength(bytes)
    ) {
      const message = bytes.subarray(0, length);
      bytes = bytes.subarray(length);
      const waiter = waiting.shift();
      if (waiter === undefined) messages.push(message);
      else waiter(message);
    }
  };
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    socket,
    next: () => {
      const message = messages.shift();
      return message === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(message);
    },
    reads: () => reads,
    send: (message) => client?.write(message),
    hangUp: () => client?.destroy(),
    close: () => {
      client?.destroy();
      server.close();
      rmSync(directory, { recursive: true });
    },
  };
}
