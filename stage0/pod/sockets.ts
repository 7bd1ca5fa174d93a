/** Which app of a pod gets which of the unit's sockets (appc B17). Pure. */
import type { AppName } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import type { SocketSpec } from '../../stage1/plan/spec';
import type { ExposedPort } from '../image/pod-schema';
import type { Port } from '../image/schema';
import type { PassedSocket } from '../systemd/passed-sockets';

export interface Listener {
  readonly name: AppName;
  readonly ports: readonly Port[];
}

const isActivated = ({ socketActivated }: Port): boolean => socketActivated === true;

/** A port of the pod is another number on the host if the pod says so. */
function isAt({ address }: PassedSocket, port: Port, exposed: readonly ExposedPort[]): boolean {
  if (address === undefined || address.protocol !== port.protocol) return false;
  const first = exposed.find(({ name }) => name === port.name)?.hostPort ?? port.port;
  return address.port >= first && address.port < first + (port.count ?? 1);
}

/**
 * A socket goes to the app of which it names a port with `socketActivated`, or that has such a port where it listens; else to the app
 * that it names; else to the pod's only app, if that has no such port.
 * @throws PodctlError `socket-unclaimed` for a socket that is nobody's or several apps', or a port without a socket
 */
export function socketsOf(
  sockets: readonly PassedSocket[],
  apps: readonly Listener[],
  exposed: readonly ExposedPort[],
): ReadonlyMap<AppName, readonly SocketSpec[]> {
  const found = new Map<AppName, SocketSpec[]>();
  const served = new Set<Port>();
  for (const socket of sockets) {
    const { app, port } = ownerOf(socket, apps, exposed);
    found.set(app, [...(found.get(app) ?? []), { fd: socket.fd, name: socket.name }]);
    if (port !== undefined) served.add(port);
  }
  for (const { name, ports } of apps) {
    const missing = ports.find((port) => isActivated(port) && !served.has(port));
    if (missing !== undefined)
      throw new PodctlError(
        'socket-unclaimed',
        `app "${name}" is to be activated by a socket for its port "${missing.name}" (${missing.protocol} ${missing.port}), and the unit has none`,
      );
  }
  return found;
}

function ownerOf(
  socket: PassedSocket,
  apps: readonly Listener[],
  exposed: readonly ExposedPort[],
): { readonly app: AppName; readonly port?: Port } {
  const all = apps.flatMap(({ name, ports }) => ports.filter(isActivated).map((port) => ({ app: name, port })));
  const named = all.filter(({ port }) => port.name === socket.name);
  const owners = named.length > 0 ? named : all.filter(({ port }) => isAt(socket, port, exposed));
  const [owner] = owners;
  if (owner !== undefined && owners.length === 1) return owner;
  const [first] = apps;
  const byName = apps.find(({ name }) => name === socket.name);
  if (owner === undefined && byName !== undefined) return { app: byName.name };
  if (owner === undefined && first !== undefined && apps.length === 1 && all.length === 0) return { app: first.name };
  const { address } = socket;
  const where = address === undefined ? '' : ` (${address.protocol} ${address.port})`;
  const whose = owner === undefined ? 'no app' : `several apps: ${owners.map(({ app }) => app).join(', ')}`;
  throw new PodctlError('socket-unclaimed', `the unit's socket "${socket.name}"${where} is for ${whose}`);
}
