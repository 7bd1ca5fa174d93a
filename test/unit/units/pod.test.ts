import assert from 'node:assert/strict';
import type { AbsPath, PodId } from '#kernel/brand';
import { marshal } from '../../../stage0/systemd/dbus/marshal';
import { POD_UNITS, podOfUnit, podUnit } from '../../../units/name';
import { podProperties } from '../../../units/pod';
import { INFINITY, knownTo, microseconds, OLDEST_SYSTEMD, PROPERTIES, property } from '../../../units/properties';

const pod = '0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9' as PodId;
const unit = {
  pod,
  name: 'web-1',
  apps: ['web', 'db'],
  executor: '/usr/lib/podctl/podctl-stage1' as AbsPath,
  plan: '/var/lib/podctl/pods/$HOME/plan' as AbsPath,
  stopGraceMs: 10_000,
};

describe("a pod's unit", () => {
  it('has these properties', () => {
    const values = Object.fromEntries(podProperties(unit).map(([name, , value]) => [name, value]));
    assert.deepEqual(values, {
      Description: 'Pod web-1 (web, db)',
      AddRef: true,
      CollectMode: 'inactive-or-failed',
      Type: 'notify',
      NotifyAccess: 'main',
      ExecStart: [[unit.executor, [unit.executor, 'run', '/var/lib/podctl/pods/$$HOME/plan'], false]],
      SuccessExitStatus: [[133, 143], []],
      TimeoutStopUSec: 15_000_000n,
      KillMode: 'mixed',
      OOMPolicy: 'continue',
      Slice: 'machine.slice',
      Delegate: true,
      TasksMax: 16_384n,
      DevicePolicy: 'closed',
      StandardInput: 'null',
      StandardOutput: 'journal',
      StandardError: 'journal',
      SyslogIdentifier: 'podctl',
      LogExtraFields: [Buffer.from(`POD_UUID=${pod}`), Buffer.from('POD_NAME=web-1')],
      LogRateLimitIntervalUSec: 1n,
      LogRateLimitBurst: 10_000_000,
    });
  });

  it('takes more properties behind its own', () => {
    const limit = property('MemoryMax', 1n << 30n);
    assert.deepEqual(podProperties({ ...unit, more: [limit] }).at(-1), limit);
  });

  it('has a time of its own to start where checks decide when it has', () => {
    const timeout = podProperties({ ...unit, startTimeoutMs: 100_000 }).find(([name]) => name === 'TimeoutStartUSec');
    assert.deepEqual(timeout, property('TimeoutStartUSec', 100_000_000n));
    marshal('a(sv)', [[timeout].map((one) => [one?.[0], { signature: one?.[1], value: one?.[2] }])]);
  });

  it('can be sent to systemd, and needs no newer one than podctl does', () => {
    const properties = podProperties(unit);
    marshal('a(sv)', [properties.map(([name, signature, value]) => [name, { signature, value }])]);
    assert.deepEqual(knownTo(OLDEST_SYSTEMD, properties), properties);
  });

  it('is the same for the same pod', () => {
    assert.deepEqual(podProperties(unit), podProperties(unit));
  });
});

describe('unit properties', () => {
  it('are left out where systemd does not know them', () => {
    const properties = [property('SurviveFinalKillSignal', true), property('TasksMax', INFINITY)];
    assert.equal(knownTo(255, properties).length, 2);
    assert.deepEqual(
      knownTo(254, properties).map(([name]) => name),
      ['TasksMax'],
    );
  });

  it('are listed once, in order', () => {
    const names = Object.keys(PROPERTIES);
    assert.deepEqual(names, [...names].sort());
  });

  it('count in microseconds', () => {
    assert.equal(microseconds(1.5), 1500n);
  });
});

describe('unit names', () => {
  it('lead to the pod and back', () => {
    assert.equal(podUnit(pod), `podctl-${pod}.service`);
    assert.equal(podOfUnit(podUnit(pod)), pod);
    for (const other of ['podctl-gc.service', `podctl-${pod}.scope`, `xpodctl-${pod}.service`, 'podctl-.service']) {
      assert.equal(podOfUnit(other), undefined);
    }
  });
  it('match the pattern that lists them', () => {
    const pattern = new RegExp(`^${POD_UNITS.replaceAll('?', '.').replaceAll('.service', '\\.service')}$`);
    assert.match(podUnit(pod), pattern);
    assert.doesNotMatch('podctl-gc.service', pattern);
  });
});
