import assert from 'node:assert/strict';
import { PodctlError } from '#kernel/errors';
import { DEFAULT_DEVICES } from '../../../../stage2/isolators/devices';
import { bandwidthOf } from '../../../../stage2/isolators/network';
import { planIsolators } from '../../../../stage2/isolators/plan';
import type { Effect, HostFacts } from '../../../../stage2/isolators/types';

const FACTS: HostFacts = {
  controllers: [],
  security: { selinux: true, profiles: ['web', 'path /usr/bin/x'] },
  nodeAt: (path) => (path === '/dev/fuse' ? { type: 'c', major: 10, minor: 229 } : undefined),
};
const plan = (name: string, value: unknown, facts: HostFacts = FACTS, scope: 'app' | 'pod' = 'app') =>
  planIsolators({ app: scope === 'app' ? 'web' : undefined, isolators: [{ name, value }], facts, lenient: false });
const effects = (...args: Parameters<typeof plan>): readonly Effect[] =>
  plan(...args).effects.filter(({ kind }) => kind !== 'cgroup');
const refusal = (code: string, message: RegExp, ...args: Parameters<typeof plan>) =>
  assert.throws(
    () => plan(...args),
    (error) => error instanceof PodctlError && error.code === code && message.test(error.message),
  );

describe('stage2: labels', () => {
  const PROFILE = 'os/linux/apparmor-profile';
  const CONTEXT = 'os/linux/selinux-context';
  const context = { user: 'system_u', role: 'system_r', type: 'svirt_t', level: 's0:c1,c2' };
  const none: HostFacts = { controllers: [], security: { selinux: false, profiles: undefined } };

  it('I13 takes a profile that is loaded, and refuses one that is not', () => {
    assert.deepEqual(effects(PROFILE, { profile: 'web' }), [
      { kind: 'label', module: 'apparmor', value: 'web', scope: 'app' },
    ]);
    refusal('isolator-unenforceable', /"other" is not loaded/, PROFILE, { profile: 'other' });
    refusal('isolator-unenforceable', /does not enforce AppArmor/, PROFILE, { profile: 'web' }, none);
    for (const profile of ['', ' web', 'a\nb', 'x'.repeat(300), 7])
      refusal('isolator-invalid', /profile/, PROFILE, { profile });
  });
  it('takes a security context where SELinux is on', () => {
    const [label] = effects(CONTEXT, context, FACTS, 'pod');
    assert.deepEqual(label, {
      kind: 'label',
      module: 'selinux',
      value: 'system_u:system_r:svirt_t:s0:c1,c2',
      scope: 'pod',
    });
    refusal('isolator-unenforceable', /does not enforce SELinux/, CONTEXT, context, none);
    for (const bad of [
      { ...context, user: 'a:b' },
      { ...context, type: '' },
      { ...context, level: 's0\n' },
      { user: 'u' },
    ]) {
      refusal('isolator-invalid', /security context|must be a string/, CONTEXT, bad);
    }
  });
});

describe('stage2: podctl/devices', () => {
  const NAME = 'podctl/devices';
  it('adds its rules to the default ones, and widens the unit', () => {
    assert.deepEqual(effects(NAME, { rules: ['c 10:200 rw', 'b 8:* r', 'a *:* m'], paths: ['/dev/fuse:w'] }), [
      {
        kind: 'devices',
        rules: [...DEFAULT_DEVICES, 'c 10:200 rw', 'b 8:* r', 'a *:* m', 'c 10:229 w'],
        nodes: ['/dev/fuse'],
      },
      { kind: 'device-allow', allow: ['/dev/char/10:200', 'rw'] },
      { kind: 'device-allow', allow: ['block-8', 'r'] },
      { kind: 'device-allow', allow: ['block-*', 'm'] },
      { kind: 'device-allow', allow: ['char-*', 'm'] },
      { kind: 'device-allow', allow: ['/dev/char/10:229', 'w'] },
    ]);
  });
  it('refuses what is no rule', () => {
    for (const rule of [
      'c',
      'c 1:3',
      'c 1:3 rx',
      'c 1:3 rr',
      'd 1:3 r',
      'c -1:3 r',
      'c 5000:1 r',
      'c 1:1048576 r',
      'c *:3 r',
      'c 1:3 r ',
    ]) {
      refusal('isolator-invalid', /rule|number|majors|twice/, NAME, { rules: [rule] });
    }
    refusal('isolator-invalid', /more than 200/, NAME, { rules: Array.from({ length: 201 }, (_, i) => `c 10:${i} r`) });
  });
  it('I2 where nothing restricts devices it is an error, or tolerated: nodes stay, rules go', () => {
    const unable = { ...FACTS, restrictsDevices: false };
    const value = { rules: ['c 10:200 rw'], paths: ['/dev/fuse'] };
    refusal('isolator-unenforceable', /no BPF for cgroups/, NAME, value, unable);
    const isolators = [{ name: NAME, value }];
    const tolerated = planIsolators({ app: 'web', isolators, facts: unable, lenient: true });
    assert.deepEqual(tolerated.effects[0], { kind: 'devices', rules: [], nodes: ['/dev/fuse'] });
    assert.ok(!tolerated.effects.some(({ kind }) => kind === 'device-allow'));
    assert.equal(tolerated.reports[0]?.outcome, 'ignored');
    assert.throws(() =>
      planIsolators({ app: 'web', isolators: [{ name: NAME, value: { rules: ['x'] } }], facts: unable, lenient: true }),
    );
  });
  it('refuses what is no device of the host', () => {
    refusal('isolator-unenforceable', /\/dev\/nope is no device/, NAME, { paths: ['/dev/nope'] });
    for (const path of ['fuse', '/etc/x', '/dev/', '/dev/a/../b', '/dev/./a', '/dev/x\0y', '/dev/fuse:']) {
      refusal('isolator-invalid', /not the path of a device/, NAME, { paths: [path] });
    }
  });
});

describe('stage2: resource/network-bandwidth', () => {
  const NAME = 'resource/network-bandwidth';
  it('I5 takes bytes per second, default: true, and no request', () => {
    assert.deepEqual(effects(NAME, { default: true, limit: '1M' }, FACTS, 'pod'), [
      { kind: 'bandwidth', bytes: 1_000_000n },
    ]);
    refusal('isolator-invalid', /"default" must be true/, NAME, { limit: '1M' });
    refusal('isolator-invalid', /no "request"/, NAME, { default: true, request: '1M', limit: '1M' });
    refusal('isolator-invalid', /from 1000 to/, NAME, { default: true, limit: '10' });
  });
  it('I2 tells an app that it limits all of its pod', () =>
    assert.equal(plan(NAME, { default: true, limit: '1M' }).reports[0]?.outcome, 'adjusted'));

  const limits: readonly Effect[] = [3n, 2n, 5n].map((bytes) => ({ kind: 'bandwidth', bytes }));
  it('I4 the least of all limits counts', () => {
    assert.equal(bandwidthOf(limits, false, undefined), 2n);
    assert.equal(bandwidthOf([], true, undefined), undefined);
  });
  it("is never put on the host's interfaces", () => {
    assert.throws(
      () => bandwidthOf(limits, true, undefined),
      (error) => error instanceof PodctlError && error.code === 'isolator-unenforceable',
    );
    const told: string[] = [];
    assert.equal(
      bandwidthOf(limits, true, (message) => told.push(message)),
      undefined,
    );
    assert.match(told.join(), /network-bandwidth ignored/);
  });
});
