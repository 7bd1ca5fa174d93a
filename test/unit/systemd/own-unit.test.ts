import assert from 'node:assert/strict';
import { ownUnit } from '../../../stage0/systemd/own-unit';
import { passedSockets } from '../../../stage0/systemd/passed-sockets';
import { unfitness } from '../../../stage0/usecases/fit-unit';

describe('the unit that executed podctl', () => {
  const id = '0123456789abcdef0123456789abcdef';
  const env = { SYSTEMD_EXEC_PID: '7', INVOCATION_ID: id };

  const unitIn = (cgroups: string, environment: Record<string, string> = env, pid = 7) =>
    ownUnit(environment, pid, () => cgroups);

  it('is that of the cgroup, also from below it and beside v1 hierarchies', () => {
    const web = { name: 'web.service', invocationId: id };
    assert.deepEqual(unitIn('0::/system.slice/web.service\n'), web);
    assert.deepEqual(unitIn('4:memory:/x.service\n0::/system.slice/web.service/supervisor\n'), web);
  });

  it('is none for a child, in a session, for a user manager, and below what else is delegated', () => {
    assert.equal(unitIn('0::/system.slice/web.service\n', env, 8), undefined);
    assert.equal(unitIn('0::/system.slice/web.service\n', { SYSTEMD_EXEC_PID: '7' }, 7), undefined);
    assert.equal(unitIn('0::/user.slice/user-0.slice/session-1.scope\n'), undefined);
    assert.equal(unitIn('0::/user.slice/user@0.service/app.slice/web.service\n'), undefined);
    assert.equal(unitIn('0::/\n'), undefined);
  });

  it('is fit if it has left podctl what systemd has', () => {
    const status = (mask: string, seccomp: number): string => `Name:\tx\nCapEff:\t${mask}\nSeccomp:\t${seccomp}\n`;
    assert.equal(unfitness(status('000001ffffffffff', 0), status('000001ffffffffff', 0)), undefined);
    assert.equal(unfitness(status('000000000020ffff', 2), status('000000000020ffff', 2)), undefined);
    assert.match(
      unfitness(status('000001ffffdfffff', 0), status('000001ffffffffff', 0)) ?? '',
      /without CAP_SYS_ADMIN /,
    );
    assert.match(unfitness(status('000001ffffffffff', 2), status('000001ffffffffff', 0)) ?? '', /SystemCallFilter=/);
  });
});

describe('the sockets of a unit', () => {
  const head = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
  const line = (address: string, inode: number): string =>
    `   0: ${address} 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0 100 0\n`;

  it('are known by name, protocol and port', () => {
    const links: Record<number, string> = { 3: 'socket:[41]', 4: 'socket:[42]', 5: 'socket:[43]', 6: 'pipe:[41]' };
    const tables = [
      ['tcp', head + line('0100007F:1F90', 41)],
      ['udp', head + line('00000000000000000000000000000000:0035', 42)],
    ] as const;
    assert.deepEqual(
      passedSockets({ LISTEN_FDS: '4', LISTEN_FDNAMES: 'web:dns::' }, (fd) => links[fd] ?? '', tables),
      [
        { fd: 3, name: 'web', address: { protocol: 'tcp', port: 8080 } },
        { fd: 4, name: 'dns', address: { protocol: 'udp', port: 53 } },
        { fd: 5, name: 'unknown', address: undefined },
        { fd: 6, name: 'unknown', address: undefined },
      ],
    );
  });
});
