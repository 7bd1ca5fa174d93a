/** resource/…, and what podctl adds: files of the cgroup and properties of the unit. */
import assert from 'node:assert/strict';
import { weightOfShares } from '../../../../stage2/isolators/cpu';
import { quantity, wholeQuantity } from '../../../../stage2/isolators/values';
import { app, CAPABLE, limits, refusal, refused, unit } from './fixture';

describe('isolators of resources', () => {
  it('I5 quantities are integers in base units, rounded up', () => {
    const cases: readonly [unknown, bigint][] = [
      ['1', 1n], ['4Ki', 4096n], ['1.5Ki', 1536n], ['1M', 10n ** 6n], ['1k', 1000n], ['1K', 1000n], ['2Gi', 2n ** 31n],
      ['1Ti', 2n ** 40n], ['1Pi', 2n ** 50n], ['7Ei', 7n * 2n ** 60n], ['1G', 10n ** 9n], ['1T', 10n ** 12n], ['1P', 10n ** 15n],
      ['1E', 10n ** 18n], ['1e3', 1000n], ['1E3', 1000n], ['12e-1', 2n], ['100m', 1n], ['1500m', 2n], ['.5Ki', 512n], ['5.', 5n],
      ['+3', 3n], [4096, 4096n], [1.5, 2n], ['0.0001Ki', 1n],
    ]; // biome-ignore format: a table
    for (const [written, expected] of cases) assert.equal(wholeQuantity(written, 'it'), expected, String(written));
    assert.equal(quantity('500m', 'it'), 500n);
    assert.equal(quantity('0.0001', 'it'), 1n);
    assert.equal(quantity(0.25, 'it'), 250n);
    for (const bad of [
      '',
      '-1',
      '1 Gi',
      '1X',
      'Gi',
      '.',
      '1..2',
      '1e',
      '1ee3',
      '1e-9',
      '1e999',
      '0x10',
      '9'.repeat(31),
      null,
      {},
      [],
      true,
      Number.NaN,
    ]) {
      assert.throws(() => quantity(bad, 'it'), /must be a quantity/, String(bad));
    }
  });

  it('I6 the request is the limit if there is none', () => {
    assert.equal(limits({ 'resource/memory': { limit: '1Mi' } })['memory.low'], '1048576');
    assert.equal(limits({ 'resource/cpu': { limit: 1 } })['cpu.weight'], '100');
    assert.deepEqual(limits({ 'resource/memory': { request: '1Mi' } }), { 'memory.low': '1048576' });
    assert.deepEqual(limits({ 'resource/memory': { request: '1Mi', limit: '2Mi' } }), {
      'memory.max': '2097152',
      'memory.low': '1048576',
      'memory.swap.max': '0',
    });
    refused({ 'resource/memory': { request: '2Mi', limit: '1Mi' } }, /request is greater than its limit/);
  });

  it('resource/cpu is a quota and a weight, which gives way to cpu-shares', () => {
    assert.deepEqual(limits({ 'resource/cpu': { limit: '1500m', request: '500m' } }), {
      'cpu.max': '150000 100000',
      'cpu.weight': '59',
    });
    const both = app({ 'resource/cpu': { limit: 1, request: 1 }, 'os/linux/cpu-shares': 2 });
    assert.deepEqual(
      both.effects.flatMap((one) => (one.kind === 'cgroup' && one.file === 'cpu.weight' ? [one.value] : [])),
      ['1'],
    );
    assert.equal(both.reports[0]?.detail, 'its request gives way to os/linux/cpu-shares');
    for (const [shares, weight] of [
      [2, 1],
      [1024, 100],
      [262_144, 10_000],
      [512, 59],
      [4096, 303],
    ] as const) {
      assert.equal(weightOfShares(shares), weight, `${shares}`);
    }
    for (const bad of [1, 262_145, 'many', 1.5, null]) refused({ 'os/linux/cpu-shares': bad }, /from 2 to 262144/);
  });

  it('resource/memory is at least a page, and no swap widens it unless asked to', () => {
    refused({ 'resource/memory': { limit: '4095' } }, /from 4096/);
    assert.equal(
      limits({ 'resource/memory': { limit: '4Ki' } }, { facts: { ...CAPABLE, swap: false } })['memory.swap.max'],
      undefined,
    );
    const swap = (limit: unknown) =>
      limits({ 'resource/memory': { limit: '1Mi' }, 'podctl/memory-swap': { limit } })['memory.swap.max'];
    assert.deepEqual([swap('3Mi'), swap('1Mi'), swap(-1), swap('-1')], ['2097152', '0', 'max', 'max']);
    refused(
      { 'resource/memory': { limit: '2Mi' }, 'podctl/memory-swap': { limit: '1Mi' } },
      /memory alone may have 2097152/,
    );
    refused({ 'podctl/memory-swap': { limit: '1Mi' } }, /there is no limit of memory/);
    assert.deepEqual(limits({ 'podctl/memory-high': { limit: '1Mi' } }), { 'memory.high': '1048576' });
  });

  it('the default field of the table: absent or false for some, true for the others', () => {
    for (const name of ['resource/cpu', 'resource/memory']) {
      refused({ [name]: { default: true, limit: '1Gi' } }, /"default" must be false/);
      app({ [name]: { default: false, limit: 1_000_000 } });
      refused({ [name]: {} }, /neither a "request" nor a "limit"/);
      refused({ [name]: '1G' }, /must be an object/);
      refused({ [name]: { limits: '1G' } }, /no member "limits"/);
    }
    for (const name of ['resource/block-bandwidth', 'resource/block-iops']) {
      refused({ [name]: { limit: '1M' } }, /"default" must be true/);
      refused({ [name]: { default: false, limit: '1M' } }, /"default" must be true/);
      refused({ [name]: { default: true, request: '1', limit: '1M' } }, /no "request"/);
      refused({ [name]: { default: true } }, /"limit" must be a quantity/);
      refused({ [name]: { default: true, limit: 0 } }, /from 1 to/);
    }
  });

  it('block limits are those of the disk that holds what the app writes', () => {
    const effects = app({
      'resource/block-bandwidth': { default: true, limit: '1M' },
      'resource/block-iops': { default: true, limit: 100 },
    }).effects.flatMap((one) => (one.kind === 'cgroup' && one.file === 'io.max' ? [one.value] : []));
    assert.deepEqual(effects, ['8:16 rbps=1000000 wbps=1000000', '8:16 riops=100 wiops=100']);
    const error = refusal(() =>
      app({ 'resource/block-iops': { default: true, limit: 1 } }, { facts: { ...CAPABLE, device: undefined } }),
    );
    assert.match(error.message, /on no disk/);
    assert.equal(error.code, 'isolator-unenforceable');
  });

  it('podctl/pids, cpuset, io-weight and oom-group are files of the cgroup', () => {
    assert.deepEqual(limits({ 'podctl/pids': { limit: 20 } }), { 'pids.max': '20' });
    assert.deepEqual(limits({ 'podctl/pids': { limit: -1 } }), { 'pids.max': 'max' });
    refused({ 'podctl/pids': { limit: 0 } }, /at least 1/);
    assert.deepEqual(limits({ 'podctl/cpuset': { cpus: '0-1,3', mems: '0' } }), {
      'cpuset.cpus': '0-1,3',
      'cpuset.mems': '0',
    });
    refused({ 'podctl/cpuset': { cpus: '3-1' } }, /not a range/);
    refused({ 'podctl/cpuset': { cpus: '0;1' } }, /not a list/);
    refused({ 'podctl/cpuset': {} }, /neither "cpus" nor "mems"/);
    refused({ 'podctl/cpuset': { cpus: '2,7' } }, /CPU 7 is not online here, only 0-3/, 'isolator-unenforceable');
    assert.deepEqual(limits({ 'podctl/io-weight': 10_000 }), { 'io.weight': '10000' });
    assert.deepEqual(limits({ 'podctl/io-weight': 10_000 }, { facts: { ...CAPABLE, ioWeight: 'io.bfq.weight' } }), {
      'io.bfq.weight': '1000',
    });
    refused({ 'podctl/io-weight': 0 }, /from 1 to 10000/);
    const group = (values: object) =>
      app(values).effects.flatMap((one) =>
        one.kind === 'cgroup' && one.file === 'memory.oom.group' ? [one.value] : [],
      );
    assert.deepEqual(
      [group({}), group({ 'podctl/oom-group': false }), group({ 'podctl/oom-group': true })],
      [['1'], ['0'], ['1']],
    );
  });

  it('the pod has limits of its own as properties of its unit', () => {
    assert.deepEqual(
      unit({
        'resource/memory': { limit: '1Mi', request: '4Ki' },
        'resource/cpu': { limit: '250m' },
        'resource/block-bandwidth': { default: true, limit: '1k' },
        'resource/block-iops': { default: true, limit: 5 },
        'podctl/pids': { limit: 10 },
        'podctl/memory-high': { limit: '8Ki' },
        'podctl/memory-swap': { limit: -1 },
        'podctl/cpuset': { cpus: '0,3', mems: '0' },
        'podctl/io-weight': 7,
      }),
      {
        MemoryMax: 1_048_576n,
        MemoryLow: 4096n,
        CPUQuotaPerSecUSec: 250_000n,
        CPUWeight: BigInt(weightOfShares(256)),
        IOReadBandwidthMax: [['/var/lib/podctl', 1000n]],
        IOWriteBandwidthMax: [['/var/lib/podctl', 1000n]],
        IOReadIOPSMax: [['/var/lib/podctl', 5n]],
        IOWriteIOPSMax: [['/var/lib/podctl', 5n]],
        TasksMax: 10n,
        MemoryHigh: 8192n,
        MemorySwapMax: 2n ** 64n - 1n,
        AllowedCPUs: Uint8Array.of(9),
        AllowedMemoryNodes: Uint8Array.of(1),
        IOWeight: 7n,
      },
    );
  });
});
