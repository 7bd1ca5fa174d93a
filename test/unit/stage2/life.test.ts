import assert from 'node:assert/strict';
import { exitPolicyOf, inStartOrder, lifeOf, parseExitPolicy, requireMainApp } from '../../../stage2/life';
import { signalNumber } from '../../../stage2/signals';

const life = (annotations: Readonly<Record<string, string>>) =>
  lifeOf(Object.entries(annotations).map(([name, value]) => ({ name: `podctl/${name}`, value })));
const app = (name: string, ...after: string[]) => ({ name, life: { after } });
const order = (...apps: ReturnType<typeof app>[]) => inStartOrder(apps).map(({ name }) => name);

describe('stage2: the life of an app', () => {
  it('has defaults that change nothing', () =>
    assert.deepEqual(lifeOf([]), {
      restart: undefined,
      after: [],
      ready: 'exec',
      health: undefined,
      stopSignal: undefined,
      reloadSignal: undefined,
    }));

  it('reads what annotations say', () => {
    assert.deepEqual(
      life({ restart: 'on-failure:5', 'restart-delay': '1m', after: 'a,b', ready: 'notify', 'stop-signal': 'INT' }),
      {
        restart: { policy: 'on-failure', limit: 5, delayMs: 60_000, longestMs: 60_000 },
        after: ['a', 'b'],
        ready: 'notify',
        health: undefined,
        stopSignal: 2,
        reloadSignal: undefined,
      },
    );
    assert.deepEqual(life({ restart: 'always' }).restart, {
      policy: 'always',
      limit: 0,
      delayMs: 100,
      longestMs: 30_000,
    });
  });

  for (const [name, value] of [
    ['restart', 'sometimes'],
    ['restart', 'always:x'],
    ['restart', 'always:-1'],
    ['restart', 'always:1:2'],
    ['restart', 'always:1000000001'],
    ['restart', ''],
    ['restart-delay', '5'],
    ['restart-delay', '25h'],
    ['after', 'a,,b'],
    ['after', ''],
    ['ready', 'now'],
    ['stop-signal', 'SIGNONE'],
  ] as const) {
    it(`refuses ${name}=${value}`, () => assert.throws(() => life({ [name]: value }), { code: 'life-invalid' }));
  }

  it('orders apps behind those they wait for, and leaves the rest as it was', () => {
    assert.deepEqual(order(app('a'), app('b'), app('c')), ['a', 'b', 'c']);
    assert.deepEqual(order(app('web', 'db', 'cache'), app('log'), app('db', 'disk'), app('cache'), app('disk')), [
      'disk',
      'db',
      'cache',
      'web',
      'log',
    ]);
  });

  it('refuses circles and apps that are not there', () => {
    assert.throws(() => order(app('a', 'b'), app('b', 'c'), app('c', 'b')), /b → c → b/);
    assert.throws(() => order(app('a', 'a')), /a → a/);
    assert.throws(() => order(app('a', 'x')), /"a".*"x"/);
  });

  it('knows when a pod ends', () => {
    assert.deepEqual(parseExitPolicy('any'), { kind: 'any' });
    assert.deepEqual(parseExitPolicy('main'), { kind: 'main', app: undefined });
    assert.deepEqual(exitPolicyOf([{ name: 'podctl/exit-policy', value: 'main=web' }]), { kind: 'main', app: 'web' });
    assert.equal(exitPolicyOf([]), undefined);
    for (const wrong of ['', 'none', 'main=', 'any=web']) {
      assert.throws(() => parseExitPolicy(wrong), { code: 'life-invalid' }, wrong);
    }
    assert.throws(() => requireMainApp({ kind: 'main', app: 'x' }, ['web']), { code: 'life-invalid' });
    requireMainApp({ kind: 'main', app: 'web' }, ['web']);
  });
});

describe('stage2: signals', () => {
  for (const [written, number] of [
    ['SIGTERM', 15],
    ['term', 15],
    ['HUP', 1],
    ['SIGSYS', 31],
    ['9', 9],
    ['64', 64],
    ['SIGRTMIN', 34],
    ['SIGRTMIN+3', 37],
    ['RTMAX', 64],
    ['SIGRTMAX-30', 34],
    ['0', undefined],
    ['65', undefined],
    ['-1', undefined],
    ['', undefined],
    ['SIG', undefined],
    ['SIGRTMIN-1', undefined],
    ['SIGRTMIN+31', undefined],
    ['SIGRTMAX-31', undefined],
    ['SIGRTMAX+1', undefined],
  ] as const) {
    it(`${written} is ${number ?? 'none'}`, () => assert.equal(signalNumber(written), number));
  }
});
