import assert from 'node:assert/strict';
import { argvOfTest, healthOf, parseHealthCommand, startTimeoutMs } from '../../../stage2/health';
import { lifeOf, requireHealth } from '../../../stage2/life';

const named = (said: Readonly<Record<string, string>>) =>
  Object.entries(said).map(([name, value]) => ({ name: `podctl/${name}`, value }));
const life = (said: Readonly<Record<string, string>>) => lifeOf(named(said));

describe('stage2: the health check of an app', () => {
  it("has Docker's defaults", () => {
    const { health, restart } = life({ 'health-cmd': 'test -e /up' });
    assert.deepEqual(health, {
      argv: ['/bin/sh', '-c', 'test -e /up'],
      intervalMs: 30_000,
      timeoutMs: 30_000,
      startPeriodMs: 0,
      startIntervalMs: 5000,
      retries: 3,
      onFailure: 'none',
    });
    assert.equal(restart, undefined);
  });

  it('reads what annotations say', () =>
    assert.deepEqual(
      life({
        'health-cmd': '["CMD","/bin/check","a b"]',
        'health-interval': '1m',
        'health-timeout': '1.5s',
        'health-start-period': '2m',
        'health-start-interval': '500ms',
        'health-retries': '7',
        'health-on-failure': 'kill',
      }).health,
      {
        argv: ['/bin/check', 'a b'],
        intervalMs: 60_000,
        timeoutMs: 1500,
        startPeriodMs: 120_000,
        startIntervalMs: 500,
        retries: 7,
        onFailure: 'kill',
      },
    ));

  it('takes lines, words and none', () => {
    assert.deepEqual(parseHealthCommand('a "b c" | d'), ['/bin/sh', '-c', 'a "b c" | d']);
    assert.deepEqual(parseHealthCommand('["a","[b"]'), ['a', '[b']);
    assert.deepEqual(parseHealthCommand('["CMD-SHELL","a | b"]'), ['/bin/sh', '-c', 'a | b']);
    assert.equal(parseHealthCommand('["NONE"]'), undefined);
    assert.equal(parseHealthCommand('none'), undefined);
    assert.deepEqual(argvOfTest(['CMD-SHELL', 'x'], ['/bin/bash', '-ec']), ['/bin/bash', '-ec', 'x']);
  });

  for (const [name, value] of [
    ['health-cmd', ''],
    ['health-cmd', '[]'],
    ['health-cmd', '["CMD"]'],
    ['health-cmd', '["CMD-SHELL",""]'],
    ['health-cmd', '["a",1]'],
    ['health-cmd', '[ -e /up ]'],
    ['health-cmd', '["a\\u0000b"]'],
    ['health-cmd', 'x'.repeat(16_385)],
    ['health-interval', '0'],
    ['health-interval', '0.1ms'],
    ['health-interval', '30'],
    ['health-interval', '-5s'],
    ['health-timeout', '0s'],
    ['health-timeout', '8785h'],
    ['health-start-period', 'soon'],
    ['health-start-interval', '0'],
    ['health-retries', '0'],
    ['health-retries', '1e3'],
    ['health-retries', '1000000001'],
    ['health-on-failure', 'reboot'],
  ] as const) {
    it(`refuses ${name}=${value.slice(0, 20)}`, () =>
      assert.throws(() => life({ 'health-cmd': 'true', [name]: value }), { code: 'life-invalid' }));
  }

  it('restarts an unhealthy app whatever else it is not restarted for', () => {
    const said = { 'health-cmd': 'true', 'health-on-failure': 'restart', 'restart-delay': '1s' };
    const onlyThen = { policy: 'on-unhealthy', limit: 0, delayMs: 1000, longestMs: 30_000 };
    assert.deepEqual(life(said).restart, onlyThen);
    assert.deepEqual(life({ ...said, restart: 'never' }).restart, onlyThen);
    assert.equal(life({ ...said, restart: 'always:4' }).restart?.policy, 'always');
    assert.equal(life({ ...said, 'health-cmd': 'none' }).restart, undefined);
  });

  it('checks an app that is waited for often, and gives it the first interval to come up', () => {
    const health = healthOf(named({ 'health-cmd': 'true', 'health-interval': '20s' }), true);
    assert.deepEqual([health?.startPeriodMs, health?.startIntervalMs], [20_000, 1000]);
    const said = healthOf(
      named({ 'health-cmd': 'true', 'health-start-period': '0', 'health-start-interval': '9s' }),
      true,
    );
    assert.deepEqual([said?.startPeriodMs, said?.startIntervalMs], [0, 9000]);
  });

  it('needs a check to be ready when healthy', () => {
    assert.throws(() => requireHealth('web', life({ ready: 'healthy' })), { code: 'life-invalid' });
    assert.throws(() => requireHealth('web', life({ ready: 'healthy', 'health-cmd': 'none' })), {
      code: 'life-invalid',
    });
    requireHealth('web', life({ ready: 'healthy', 'health-cmd': 'true' }));
    requireHealth('web', life({ 'health-cmd': 'none' }));
  });

  it('gives a pod the time of all verdicts that it waits for', () => {
    const awaited = life({
      ready: 'healthy',
      'health-cmd': 'true',
      'health-interval': '1s',
      'health-timeout': '2s',
      'health-start-period': '60s',
      'health-retries': '5',
    });
    assert.equal(startTimeoutMs([life({ 'health-cmd': 'true' }), life({ ready: 'notify' })]), undefined);
    assert.equal(startTimeoutMs([awaited, life({}), awaited]), 90_000 + 2 * (60_000 + 5 * 3000));
  });
});
