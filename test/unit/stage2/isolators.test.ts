/** Isolators (appc §3.7), by number: what each comes down to on a host that can do everything, and on one that cannot. */
import assert from 'node:assert/strict';
import { PodctlError } from '../../../stage0/kernel/errors';
import { capabilityMask, DEFAULT_CAPABILITIES } from '../../../stage2/capabilities';
import { weightOfShares } from '../../../stage2/isolators/cpu';
import { factsFor, type Isolation, planIsolators } from '../../../stage2/isolators/plan';
import { keyOf, namespaceOf, requireOwnNamespaces } from '../../../stage2/isolators/sysctl';
import { APP_DEFAULTS, ISOLATORS } from '../../../stage2/isolators/table';
import type { HostFacts, Isolator } from '../../../stage2/isolators/types';
import { quantity, wholeQuantity } from '../../../stage2/isolators/values';

const CAPABLE: HostFacts = {
  controllers: ['cpuset', 'cpu', 'io', 'memory', 'pids'],
  device: '8:16',
  path: '/var/lib/podctl',
  cpus: '0-3',
  nodes: '0',
  ioWeight: 'io.weight',
  swap: true,
};
const BARE: HostFacts = { controllers: [] };

interface Options {
  readonly facts?: HostFacts;
  readonly pod?: Isolation;
  readonly lenient?: boolean;
}

const isolatorsOf = (values: object): readonly Isolator[] =>
  Object.entries(values).map(([name, value]) => ({ name, value }));

const app = (values: object, { facts = CAPABLE, pod, lenient = false }: Options = {}): Isolation =>
  planIsolators({ app: 'web', isolators: isolatorsOf(values), facts, pod: pod?.effects ?? [], lenient });
const pod = (values: object, { facts = CAPABLE, lenient = false }: Options = {}): Isolation =>
  planIsolators({ app: undefined, isolators: isolatorsOf(values), facts, lenient });

/** Files of the cgroup and what is written to them, without the defaults. */
const files = (isolation: Isolation): Record<string, string> =>
  Object.fromEntries(
    isolation.effects.flatMap((effect) =>
      effect.kind === 'cgroup' && effect.file !== 'memory.oom.group' ? [[effect.file, effect.value]] : [],
    ),
  );
const limits = (values: object, options?: Options): Record<string, string> => {
  const { 'pids.max': pids, ...others } = files(app(values, options));
  return 'podctl/pids' in values && pids !== undefined ? { ...others, 'pids.max': pids } : others;
};
const unit = (values: object): Record<string, unknown> =>
  Object.fromEntries(
    pod(values).effects.flatMap((effect) => (effect.kind === 'unit' ? [[effect.property[0], effect.property[2]]] : [])),
  );

const refusal = (act: () => unknown): PodctlError => {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof PodctlError, String(error));
    return error;
  }
  return assert.fail('it was accepted');
};
const refused = (values: object, message: RegExp, code: PodctlError['code'] = 'isolator-invalid'): void => {
  const error = refusal(() => app(values));
  assert.equal(error.code, code);
  assert.match(error.message, message);
};

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

  it('I5 quantities are integers in base units, rounded up', () => {
    const cases: readonly [unknown, bigint][] = [
      ['1', 1n], ['4Ki', 4096n], ['1.5Ki', 1536n], ['1M', 10n ** 6n], ['1k', 1000n], ['1K', 1000n], ['2Gi', 2n ** 31n],
      ['1Ti', 2n ** 40n], ['1Pi', 2n ** 50n], ['7Ei', 7n * 2n ** 60n], ['1G', 10n ** 9n], ['1T', 10n ** 12n], ['1P', 10n ** 15n],
      ['1E', 10n ** 18n], ['1e3', 1000n], ['1E3', 1000n], ['12e-1', 2n], ['100m', 1n], ['1500m', 2n], ['.5Ki', 512n], ['5.', 5n],
      ['+3', 3n], [4096, 4096n], [1.5, 2n], ['0.0001Ki', 1n],
    ]; // biome-ignore format: a table
    for (const [written, expected] of cases) assert.equal(wholeQuantity(written, 'it'), expected, String(written));
    assert.equal(quantity('500m', 'it'), 500n);
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

  it('an app has limits by default where the host can give them', () => {
    assert.equal(files(app({}))['pids.max'], '2048');
    assert.deepEqual(files(app({}, { facts: BARE })), {});
    assert.deepEqual(app({}, { facts: BARE }).reports, []);
    assert.deepEqual(
      APP_DEFAULTS.map(({ name }) => name),
      ['podctl/pids', 'podctl/oom-group'],
    );
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
});
