/** A byte stream to an AF_UNIX socket, in two ways: with node:net, or, 8 ms cheaper at start-up, with descriptors of the addon. */
import { closeSync, read, writeSync } from 'node:fs';

export interface StreamEvents {
  data(bytes: Buffer): void;
  /** At most once, and not after destroy(). */
  ended(error: Error): void;
}

export interface Stream {
  write(bytes: Buffer): void;
  destroy(): void;
}

/** The addon's part (stage1/native/addon.d.ts). Both throw errors like those of node:fs. */
export interface SocketPort {
  /** socket(2) and connect(2): a blocking, close-on-exec AF_UNIX stream. A path that begins with NUL is an abstract one. */
  connectUnix(path: string): number;
  /** shutdown(2) both ways; ends a read(2) that another thread waits in. */
  shutdown(fd: number): void;
}

const HUNG_UP = 'it closed the connection';

/** node:net is loaded here and not before: that alone takes 4 ms. */
export function netStream(path: string, events: StreamEvents): Stream {
  const socket = process.getBuiltinModule('node:net').connect({ path });
  let over = false;
  const end = (error: Error) => {
    if (!over) events.ended(error);
    over = true;
  };
  socket.on('error', end);
  socket.on('close', () => end(new Error(HUNG_UP)));
  socket.on('data', (bytes) => events.data(bytes));
  return {
    write: (bytes) => void socket.write(bytes),
    destroy: () => {
      over = true;
      socket.destroy();
    },
  };
}

const READ_BYTES = 65_536;

/**
 * Reads wait in a thread of libuv's pool. Node joins these threads when it exits, so the stream must have been destroyed by
 * then; it sees to that itself.
 */
export function fdStream(port: SocketPort, path: string, events: StreamEvents): Stream {
  let fd = -1;
  let over = false;
  const finish = (error: Error) => {
    if (over) return;
    destroy();
    events.ended(error);
  };
  const destroy = () => {
    if (over) return;
    over = true;
    process.off('exit', destroy);
    if (fd >= 0) port.shutdown(fd);
  };
  const next = () => {
    read(fd, Buffer.allocUnsafe(READ_BYTES), 0, READ_BYTES, null, (error, length, bytes) => {
      if (over) return closeSync(fd);
      if (error !== null || length === 0) {
        finish(error ?? new Error(HUNG_UP));
        return closeSync(fd);
      }
      events.data(bytes.subarray(0, length));
      next();
    });
  };
  try {
    fd = port.connectUnix(path);
    process.on('exit', destroy);
    next();
  } catch (error) {
    process.nextTick(finish, error);
  }
  return {
    write: (bytes) => {
      if (over || fd < 0) return;
      try {
        for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
      } catch (error) {
        process.nextTick(finish, error);
      }
    },
    destroy,
  };
}
