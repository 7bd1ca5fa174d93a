/** The sockets that systemd passes to a unit (sd_listen_fds(3)), and where they listen. */
import fs from 'node:fs';

export interface PassedSocket {
  readonly fd: number;
  /** FileDescriptorName= of the socket unit; by default its name. */
  readonly name: string;
  /** Undefined: not a TCP or UDP socket. */
  readonly address: { readonly protocol: 'tcp' | 'udp'; readonly port: number } | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

const FIRST = 3;
/** The executor takes no more (stage1/native/sockets.h). */
const MOST = 64;

/** Whether systemd passes sockets to this very process. */
export const hasSockets = (env: Environment, pid: number): boolean =>
  env['LISTEN_PID'] === String(pid) && Number(env['LISTEN_FDS'] ?? 0) > 0;

/** @param links what /proc/self/fd says of a descriptor. @param tables text of proc_pid_net(5), tcp and its like, by protocol */
export function passedSockets(
  env: Environment,
  links: (fd: number) => string,
  tables: readonly (readonly ['tcp' | 'udp', string])[],
): readonly PassedSocket[] {
  const count = Math.min(Number(env['LISTEN_FDS'] ?? 0) || 0, MOST);
  const names = (env['LISTEN_FDNAMES'] ?? '').split(':');
  const places = new Map(tables.flatMap(([protocol, text]) => endpoints(protocol, text)));
  return Array.from({ length: count }, (_, index) => {
    const fd = FIRST + index;
    const inode = /^socket:\[(\d+)\]$/.exec(links(fd))?.[1];
    return { fd, name: names[index] || 'unknown', address: inode === undefined ? undefined : places.get(inode) };
  });
}

/** Port by inode of the socket. */
function endpoints(
  protocol: 'tcp' | 'udp',
  table: string,
): readonly (readonly [string, { protocol: 'tcp' | 'udp'; port: number }])[] {
  return table.split('\n').flatMap((line) => {
    const [, local = '', , , , , , , , inode] = line.trim().split(/\s+/);
    const port = /:([0-9A-F]{4})$/.exec(local)?.[1];
    return port === undefined || inode === undefined
      ? []
      : [[inode, { protocol, port: Number.parseInt(port, 16) }] as const];
  });
}

/** Those of this process. */
export function ownSockets(env: Environment): readonly PassedSocket[] {
  const table = (name: string): string => {
    const path = `/proc/self/net/${name}`;
    return fs.existsSync(path) ? fs.readFileSync(path, 'latin1') : '';
  };
  return passedSockets(env, (fd) => fs.readlinkSync(`/proc/self/fd/${fd}`), [
    ['tcp', table('tcp') + table('tcp6')],
    ['udp', table('udp') + table('udp6')],
  ]);
}
