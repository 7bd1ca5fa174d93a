import assert from 'node:assert/strict';
import type { AppName } from '#kernel/brand';
import { type Listener, socketsOf } from '../../../stage0/pod/sockets';
import type { PassedSocket } from '../../../stage0/systemd/passed-sockets';
import { throwsCode } from '../../fixtures/expect';

describe('which app gets which socket (appc B17)', () => {
  const socket = (fd: number, name: string, port?: number): PassedSocket => ({
    fd,
    name,
    address: port === undefined ? undefined : { protocol: 'tcp', port },
  });
  const app = (name: string, ...ports: readonly (readonly [string, number, boolean?])[]): Listener => ({
    name: name as AppName,
    ports: ports.map(([port, number, socketActivated = true]) => ({
      name: port,
      port: number,
      protocol: 'tcp',
      socketActivated,
    })),
  });
  const fds = (
    sockets: readonly PassedSocket[],
    apps: readonly Listener[],
    exposed: Parameters<typeof socketsOf>[2] = [],
  ) => Object.fromEntries([...socketsOf(sockets, apps, exposed)].map(([name, all]) => [name, all.map(({ fd }) => fd)]));

  it('goes by the name of a port before its number, and by the number on the host', () => {
    const apps = [app('a', ['http', 80]), app('b', ['admin', 81])];
    assert.deepEqual(fds([socket(3, 'x', 81), socket(4, 'x', 80)], apps), { b: [3], a: [4] });
    assert.deepEqual(fds([socket(3, 'http', 81), socket(4, 'admin', 80)], apps), { a: [3], b: [4] });
    const exposed = [{ name: 'http', hostPort: 8080 }] as unknown as Parameters<typeof socketsOf>[2];
    assert.deepEqual(fds([socket(3, 'x', 8080), socket(4, 'x', 81)], apps, exposed), { a: [3], b: [4] });
    throwsCode('socket-unclaimed', () => fds([socket(3, 'x', 80), socket(4, 'x', 81)], apps, exposed));
  });

  it('goes by the name of an app, and to the only one that declares none', () => {
    assert.deepEqual(fds([socket(3, 'b'), socket(4, 'a', 80)], [app('a'), app('b', ['http', 80, false])]), {
      b: [3],
      a: [4],
    });
    assert.deepEqual(fds([socket(3, 'x'), socket(4, 'y', 9)], [app('a', ['http', 80, false])]), { a: [3, 4] });
  });

  it('refuses what is unclear', () => {
    throwsCode('socket-unclaimed', () => fds([socket(3, 'x', 9)], [app('a', ['http', 80])]));
    throwsCode('socket-unclaimed', () => fds([socket(3, 'x', 80)], [app('a', ['http', 80]), app('b', ['web', 80])]));
    throwsCode('socket-unclaimed', () => fds([socket(3, 'http')], [app('a', ['http', 80], ['more', 81])]));
    throwsCode('socket-unclaimed', () => fds([socket(3, 'x')], []));
  });
});
