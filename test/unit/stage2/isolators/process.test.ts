/** Capabilities, resource limits, privileges, sysctls. */
import assert from 'node:assert/strict';
import { capabilityMask, DEFAULT_CAPABILITIES } from '../../../../stage2/capabilities';
import { keyOf, namespaceOf, requireOwnNamespaces } from '../../../../stage2/isolators/sysctl';
import { app, pod, refusal, refused } from './fixture';

describe('isolators of processes and namespaces', () => {
  it('I11 no capability isolator leaves exactly the 14; I12 the two sets exclude each other', () => {
    const maskOf = (values: object): string =>
      app(values).effects.reduce(
        (mask, one) => (one.kind === 'capabilities' ? capabilityMask(one.set) : mask),
        'default',
      );
    assert.equal(maskOf({}), 'default');
    const name = (kind: string) => `os/linux/capabilities-${kind}-set`;
    assert.equal(
      maskOf({ [name('retain')]: { set: ['CAP_CHOWN', 'kill', 'cap_sys_admin'] } }),
      capabilityMask(['CAP_CHOWN', 'CAP_KILL', 'CAP_SYS_ADMIN']),
    );
    assert.equal(maskOf({ [name('retain')]: { set: [] } }), '0000000000000000');
    assert.equal(
      maskOf({ [name('remove')]: { set: ['CAP_MKNOD', 'CAP_SYS_ADMIN'] } }),
      capabilityMask(DEFAULT_CAPABILITIES.filter((one) => one !== 'CAP_MKNOD')),
    );
    refused({ [name('retain')]: { set: ['CAP_KILL'] }, [name('remove')]: { set: ['CAP_KILL'] } }, /exclude each other/);
    refused({ [name('retain')]: { set: ['CAP_FLY'] } }, /no capability "CAP_FLY"/);
    refused({ [name('retain')]: { set: 'CAP_KILL' } }, /"set" must be a list/);
    refused({ [name('retain')]: ['CAP_KILL'] }, /must be an object/);
  });

  it('I14 a sysctl that is not of the pod alone is refused', () => {
    const sysctls = (value: object) => pod({ 'os/unix/sysctl': value }).effects;
    assert.deepEqual(
      sysctls({ 'net.ipv4.ip_forward': '1', 'kernel.shmmax': 4096, 'net/ipv4/conf/eth0.7/rp_filter': '0' }),
      [
        { kind: 'sysctl', key: 'net/ipv4/ip_forward', value: '1' },
        { kind: 'sysctl', key: 'kernel/shmmax', value: '4096' },
        { kind: 'sysctl', key: 'net/ipv4/conf/eth0.7/rp_filter', value: '0' },
      ],
    );
    for (const key of [
      'kernel.core_pattern',
      'vm.swappiness',
      'fs.file-max',
      'kernel.shmmax2',
      'kernel.modprobe',
      'kernel/hostname',
      'user.max_user_namespaces',
      'net_x.y',
    ]) {
      assert.equal(refusal(() => sysctls({ [key]: '1' })).code, 'isolator-refused', key);
    }
    assert.match(refusal(() => sysctls({ 'kernel.hostname': 'x' })).hint ?? '', /--hostname/);
    for (const key of [
      'net..x',
      'net/../kernel/core_pattern',
      '/net/x',
      'net/',
      'net',
      '',
      'net/./x',
      'net\0x/y',
      `net/${'x'.repeat(300)}`,
      'net/x y',
    ]) {
      assert.equal(refusal(() => sysctls({ [key]: '1' })).code, 'isolator-invalid', key);
    }
    for (const value of [null, {}, true, 'a\nb', 'a\0b', 'x'.repeat(5000)]) {
      assert.equal(refusal(() => sysctls({ 'net.ipv4.ip_forward': value })).code, 'isolator-invalid');
    }
    assert.equal(keyOf('net.ipv4.conf.eth0/7.rp_filter'), 'net/ipv4/conf/eth0.7/rp_filter');
    assert.equal(namespaceOf('fs/mqueue/msg_max'), 'ipc');
  });

  it('I14 a sysctl of a namespace that the pod shares with its host is refused', () => {
    const { effects } = pod({ 'os/unix/sysctl': { 'net.ipv4.ip_forward': '1', 'kernel.sem': '1 1 1 1' } });
    requireOwnNamespaces(effects, ['net', 'ipc', 'uts']);
    assert.match(
      refusal(() => requireOwnNamespaces(effects, ['ipc', 'uts'])).message,
      /net\/ipv4\/ip_forward .* whole host/,
    );
    assert.match(refusal(() => requireOwnNamespaces(effects, ['net', 'uts'])).message, /kernel\/sem/);
  });

  it('oom-score-adj, no-new-privileges and rlimits go to the process', () => {
    const { effects } = app({
      'os/linux/oom-score-adj': -500,
      'os/linux/no-new-privileges': true,
      'podctl/rlimits': { nofile: { soft: 10, hard: 'unlimited' }, core: { soft: '0' } },
    });
    assert.deepEqual(
      effects.filter(({ kind }) => kind !== 'cgroup'),
      [
        { kind: 'oom-score-adj', value: -500 },
        { kind: 'no-new-privileges', on: true },
        { kind: 'rlimit', resource: 'nofile', soft: '10', hard: 'infinity' },
        { kind: 'rlimit', resource: 'core', soft: '0', hard: '0' },
      ],
    );
    for (const bad of [-1001, 1001, 'x', 0.5]) refused({ 'os/linux/oom-score-adj': bad }, /from -1000 to 1000/);
    refused({ 'os/linux/no-new-privileges': 'true' }, /true or false/);
    refused({ 'podctl/rlimits': { nofile: { soft: 2, hard: 1 } } }, /greater than the hard/);
    refused({ 'podctl/rlimits': { nofile: { soft: 'unlimited', hard: 1 } } }, /greater than the hard/);
    refused({ 'podctl/rlimits': { nofiles: { soft: 1 } } }, /no member "nofiles"/);
    refused({ 'podctl/rlimits': { nofile: { hard: 1 } } }, /"nofile.soft" must be/);
    refused({ 'podctl/rlimits': {} }, /limits nothing/);
  });
});
