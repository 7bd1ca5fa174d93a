/** Isolators as a whole (appc §3.7): which are known, what bounds them, what is told of them. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { PodctlError } from '../../../../stage0/kernel/errors';
import { weightOfShares } from '../../../../stage2/isolators/cpu';
import { factsFor, planIsolators } from '../../../../stage2/isolators/plan';
import { APP_DEFAULTS, ISOLATORS } from '../../../../stage2/isolators/table';
import type { Isolator } from '../../../../stage2/isolators/types';
import { app, BARE, CAPABLE, files, isolatorsOf, limits, pod, refusal } from './fixture';

describe('isolators', () => {
  it('I1 an unknown one is ignored, I2 and reported so; one of another scope as well', () => {
    const planned = app({ 'example.com/own': { any: 'thing' }, 'os/unix/sysctl': {}, toString: 1 });
    assert.deepEqual(
      planned.reports.map(({ isolator, outcome, detail }) => [isolator, outcome, detail]),
      [
        ['example.com/own', 'ignored', 'podctl does not know it'],
        ['os/unix/sysctl', 'ignored', 'it means nothing to an app'],
        ['toString', 'ignored', 'podctl does not know it'],
      ],
    );
    assert.deepEqual(limits({ 'example.com/own': 1 }), {});
  });

  it('an app has limits by default where the host can give them', () => {
    assert.equal(files(app({}))['pids.max'], '2048');
    assert.deepEqual(files(app({}, { facts: BARE })), {});
    assert.deepEqual(app({}, { facts: BARE }).reports, []);
    assert.deepEqual(
      APP_DEFAULTS.map(({ name }) => name),
      ['podctl/pids', 'podctl/oom-group'],
    );
  });

  it('no value of any type makes one fail with anything but a clear error', () => {
    const values: readonly unknown[] = [
      null,
      true,
      0,
      -1,
      1e300,
      '',
      'x',
      [],
      [1],
      {},
      { limit: null },
      { set: [1] },
      { a: { b: [] } },
      { limit: {} },
      { __proto__: null },
      { default: 'yes' },
      { nofile: 1 },
    ];
    for (const name of Object.keys(ISOLATORS)) {
      for (const value of values) {
        for (const plan of [app, pod]) {
          try {
            plan({ [name]: value });
          } catch (error) {
            assert.ok(error instanceof PodctlError, `${name} ${JSON.stringify(value)}: ${String(error)}`);
            assert.match(error.message, new RegExp(`isolator ${name}: .+`));
          }
        }
      }
    }
  });

  it('I2 every isolator that was given has a report, a default has none', () => {
    const { reports } = app({ 'resource/memory': { limit: '1G' }, 'resource/cpu': { limit: '1m' } });
    assert.deepEqual(reports, [
      { app: 'web', isolator: 'resource/memory', outcome: 'enforced', detail: undefined },
      { app: 'web', isolator: 'resource/cpu', outcome: 'adjusted', detail: 'limit raised to 10m, the least there is' },
    ]);
  });

  it('I4 a limit of the pod bounds those of its apps, which are adjusted and reported', () => {
    const bounds = pod({
      'resource/memory': { limit: '64Mi' },
      'resource/cpu': { limit: '500m' },
      'podctl/pids': { limit: 50 },
    });
    const wanted = { 'resource/memory': { limit: '1Gi' }, 'resource/cpu': { limit: 2 }, 'podctl/pids': { limit: 100 } };
    const planned = app(wanted, { pod: bounds });
    assert.deepEqual(files(planned), {
      'memory.max': String(64 * 1024 ** 2),
      'memory.low': String(64 * 1024 ** 2),
      'memory.swap.max': '0',
      'cpu.max': '50000 100000',
      'cpu.weight': String(weightOfShares(2048)),
      'pids.max': '50',
    });
    assert.deepEqual(
      planned.reports.map(({ outcome, detail }) => [outcome, detail]),
      [
        ['adjusted', 'limit lowered to that of the pod (67108864)'],
        ['adjusted', 'limit lowered to that of the pod (500m)'],
        ['adjusted', 'limit lowered to that of the pod (50)'],
      ],
    );
    const within = app({ 'resource/memory': { limit: '32Mi' } }, { pod: bounds });
    assert.equal(within.reports[0]?.outcome, 'enforced');
    assert.equal(files(within)['pids.max'], '50', 'the default is bounded, too');
  });

  it('a limit that the host cannot enforce is an error that names the controller', () => {
    const error = refusal(() =>
      app({ 'resource/memory': { limit: '1Gi' } }, { facts: { controllers: ['cpu', 'pids'] } }),
    );
    assert.equal(error.code, 'isolator-unenforceable');
    assert.equal(error.message, 'app "web": isolator resource/memory: this host has no cgroup v2 controller "memory"');
    assert.match(error.hint ?? '', /--insecure-options=isolators/);
    assert.match(refusal(() => pod({ 'resource/cpu': { limit: 1 } }, { facts: BARE })).message, /^pod: .*"cpu"$/);
  });

  it('--insecure-options=isolators leaves it out and reports it, and lets no other mistake pass', () => {
    const planned = app(
      { 'resource/memory': { limit: '1Gi' }, 'os/linux/oom-score-adj': 5 },
      { facts: BARE, lenient: true },
    );
    assert.deepEqual(files(planned), {});
    assert.deepEqual(
      planned.reports.map(({ outcome, detail }) => [outcome, detail]),
      [
        ['ignored', 'this host has no cgroup v2 controller "memory"'],
        ['enforced', undefined],
      ],
    );
    assert.equal(
      refusal(() => app({ 'resource/memory': { limit: 1 } }, { facts: BARE, lenient: true })).code,
      'isolator-invalid',
    );
    assert.equal(refusal(() => pod({ 'os/unix/sysctl': { 'vm.x': '1' } }, { lenient: true })).code, 'isolator-refused');
  });

  it('docs/isolators.md lists every one of them', () => {
    const listed = fs.readFileSync(path.resolve(__dirname, '../../../../../docs/isolators.md'), 'utf8');
    const names = [...listed.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name);
    assert.deepEqual(names.sort(), Object.keys(ISOLATORS).sort());
  });

  it('a known isolator may be given once', () => {
    const twice = { name: 'podctl/pids', value: { limit: 5 } };
    const plan = (isolators: readonly Isolator[]) =>
      planIsolators({ app: 'web', isolators, facts: CAPABLE, lenient: false });
    assert.match(refusal(() => plan([twice, twice])).message, /podctl\/pids: it is given twice/);
    assert.equal(
      plan([
        { name: 'x/y', value: 1 },
        { name: 'x/y', value: 2 },
      ]).reports.length,
      2,
    );
  });

  it('facts of the host are asked for only by those who need them', () => {
    assert.deepEqual([...factsFor(isolatorsOf({ 'podctl/pids': 1, 'x/y': 1, 'os/linux/oom-score-adj': 1 }))], []);
    assert.deepEqual(
      [...factsFor(isolatorsOf({ 'resource/memory': 1, 'podctl/cpuset': 1 }))],
      ['swap', 'cpus', 'nodes'],
    );
  });
});
