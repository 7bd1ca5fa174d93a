/** The image commands against what rkt-cli.md says of them (§1.0 to §1.2, §1.4): flags and defaults, fields, sorts, formats. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { flagName } from '../../../stage0/cli/flag';
import { GLOBAL_FLAGS } from '../../../stage0/cli/globals';
import { REGISTRY } from '../../../stage0/cli/registry';
import { buildAci, imageIdOf } from '../../fixtures/aci';
import { scratchDirectory } from '../../fixtures/scratch';

const PODCTL = path.join(__dirname, '../../../lib/podctl');
const FIELDS = ['id', 'name', 'size', 'importtime', 'lastused'] as const;
const SORTS = ['importtime', 'name', 'lastused', 'size'] as const;
const FORMATS = ['', 'json', 'json-pretty'] as const;

type Row = readonly [flag: string, initial: unknown, choices?: readonly string[]];

/** Every command on images of rkt, its flags, their defaults and what they may be. */
const COMMANDS: Readonly<Record<string, readonly Row[]>> = {
  fetch: [
    ['full', false],
    ['pull-policy', undefined, ['new', 'update', 'never']],
    ['store-only', false],
    ['no-store', false],
  ],
  trust: [
    ['prefix', undefined],
    ['root', false],
    ['skip-fingerprint-review', false],
    ['insecure-allow-http', false],
  ],
  'image list': [
    ['fields', FIELDS, FIELDS],
    ['sort', ['importtime'], SORTS],
    ['order', 'asc', ['asc', 'desc']],
    ['full', false],
    ['no-legend', false],
    ['format', '', FORMATS],
  ],
  'image cat-manifest': [['pretty-print', true]],
  'image export': [['overwrite', false]],
  'image extract': [
    ['rootfs-only', false],
    ['overwrite', false],
  ],
  'image render': [
    ['rootfs-only', false],
    ['overwrite', false],
  ],
  'image rm': [],
  'image gc': [['grace-period', 24 * 3_600_000]],
  'image verify': [],
};

const GLOBALS: readonly Row[] = [
  ['debug', false],
  ['dir', undefined],
  ['system-config', '/usr/lib/podctl'],
  ['local-config', '/etc/podctl'],
  ['user-config', ''],
  ['trust-keys-from-https', false],
];

const INSECURE = 'none image tls ondisk http pubkey capabilities paths seccomp all-fetch all-run all'.split(' ');

describe('the image commands of rkt', () => {
  const flagsOf = (name: string) => {
    const spec = REGISTRY.commands.find((command) => command.spec.name === name)?.spec;
    assert.ok(spec !== undefined, `${name} is missing`);
    return new Map(Object.entries(spec.flags).map(([key, flag]) => [flagName(key), flag]));
  };
  const known = (choices: readonly string[] | undefined) => [...(choices ?? [])].filter((one) => one !== '').sort();

  for (const [name, rows] of Object.entries(COMMANDS)) {
    it(`§1.2 ${name} has their flags and defaults: ${rows.map(([flag]) => `--${flag}`).join(' ') || 'none'}`, () => {
      const flags = flagsOf(name);
      for (const [flag, initial, choices] of rows) {
        const found = flags.get(flag);
        assert.ok(found !== undefined, `--${flag} is missing`);
        assert.deepEqual(found.initial, initial, `--${flag}`);
        if (choices !== undefined) assert.deepEqual(known(found.choices), known(choices), `--${flag}`);
      }
    });
  }

  it('§1.2 fetch takes --signature behind each image', () => {
    const { images } = REGISTRY.commands.find(({ spec }) => spec.name === 'fetch')?.spec ?? {};
    assert.deepEqual(Object.keys(images?.flags ?? {}), ['signature']);
  });

  it('§1.1 the global flags and their defaults', () => {
    const flags = new Map(Object.entries(GLOBAL_FLAGS).map(([key, flag]) => [flagName(key), flag]));
    for (const [flag, initial] of GLOBALS) assert.deepEqual(flags.get(flag)?.initial, initial, `--${flag}`);
    for (const word of INSECURE) assert.ok(GLOBAL_FLAGS.insecureOptions.choices?.includes(word), word);
  });
});

describe('podctl image list', function () {
  this.timeout(60_000);
  const scratch = scratchDirectory();
  const ids = new Map<string, string>();

  const podctl = (...args: readonly string[]) => {
    const dirs = [`--dir=${scratch()}/data`, `--local-config=${scratch()}/etc`, `--system-config=${scratch()}/usr`];
    return spawnSync(process.execPath, [PODCTL, ...dirs, ...args], { encoding: 'utf8' });
  };
  const ok = (...args: readonly string[]): string => {
    const { status, stdout, stderr } = podctl(...args);
    assert.equal(status, 0, stderr);
    return stdout;
  };
  /** Smaller, then larger; the larger one has the lesser name, and was used before the other. */
  const store = (): void => {
    for (const [name, size] of [
      ['example.com/zebra', 10],
      ['example.com/aardvark', 100_000],
    ] as const) {
      const files = [{ name: 'rootfs/' }, { name: 'rootfs/x', content: Buffer.alloc(size) }];
      const aci = buildAci({ name, labels: [{ name: 'version', value: '1' }], files });
      fs.writeFileSync(`${scratch()}/x.aci`, aci);
      assert.match(ok('--insecure-options=image', 'fetch', `${scratch()}/x.aci`), /^sha512-[0-9a-f]{32}\n$/);
      ids.set(name, imageIdOf(aci));
    }
    const used = `${scratch()}/data/images/${ids.get('example.com/aardvark')}/used`;
    fs.writeFileSync(used, '');
    fs.utimesSync(used, 1_700_000_000, 1_700_000_000);
  };
  const rows = (...flags: readonly string[]): readonly (readonly string[])[] =>
    ok('image', 'list', ...flags)
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/\t+/));

  it('§1.4 shows every field, short and --full, alone and in any order', () => {
    store();
    const size = (name: string): number => fs.statSync(`${scratch()}/data/images/${ids.get(name)}/image.tar`).size;
    const cells: Readonly<Record<(typeof FIELDS)[number], readonly [legend: string, short: RegExp, full: RegExp]>> = {
      id: ['ID', /^sha512-[0-9a-f]{12}$/, new RegExp(`^${ids.get('example.com/zebra')}$`)],
      name: ['NAME', /^example.com\/zebra:1$/, /^example.com\/zebra:1$/],
      size: ['SIZE', /^\d+(?:\.\d)?[KM]iB$/, new RegExp(`^${size('example.com/zebra')}$`)],
      importtime: ['IMPORT TIME', /^(?:now|\d+ seconds? ago)$/, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/],
      lastused: ['LAST USED', /^(?:now|\d+ seconds? ago)$/, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/],
    };
    for (const field of FIELDS) {
      const [legend, short, full] = cells[field];
      const [head, first] = rows(`--fields=${field}`);
      assert.deepEqual(head, [legend]);
      assert.match(first?.[0] ?? '', short);
      const [fullHead, fullFirst] = rows(`--fields=${field}`, '--full');
      assert.equal(fullHead?.[0], legend);
      assert.match(fullFirst?.[0] ?? '', full);
    }
    assert.deepEqual(rows('--fields=size,id,name')[0], ['SIZE', 'ID', 'NAME']);
    assert.deepEqual(
      rows()[0],
      FIELDS.map((field) => cells[field][0]),
    );
    assert.equal(rows('--no-legend').length, 2);
  });

  it('§1.4 sorts by every field, both ways, and by several', () => {
    store();
    const [zebra, aardvark] = ['example.com/zebra:1', 'example.com/aardvark:1'];
    const upwards: Readonly<Record<(typeof SORTS)[number], readonly string[]>> = {
      importtime: [zebra, aardvark],
      name: [aardvark, zebra],
      lastused: [aardvark, zebra],
      size: [zebra, aardvark],
    };
    const order = (...flags: readonly string[]) => rows('--no-legend', '--fields=name', ...flags).map(([name]) => name);
    assert.deepEqual(order(), upwards.importtime);
    for (const sort of SORTS) {
      assert.deepEqual(order(`--sort=${sort}`), upwards[sort], sort);
      assert.deepEqual(order(`--sort=${sort}`, '--order=asc'), upwards[sort], sort);
      assert.deepEqual(order(`--sort=${sort}`, '--order=desc'), [...upwards[sort]].reverse(), sort);
    }
    assert.deepEqual(order('--sort=name,size'), upwards.name);
  });

  it('§1.4 prints JSON with the members of rkt, times in ns, and [] for nothing', () => {
    assert.deepEqual(
      [ok('image', 'list', '--format=json'), ok('image', 'list', '--format=json-pretty')],
      ['[]\n', '[]\n'],
    );
    const before = Date.now();
    store();
    const listed = JSON.parse(ok('image', 'list', '--format=json', '--sort=size')) as Record<string, unknown>[];
    assert.deepEqual(JSON.parse(ok('image', 'list', '--format=json-pretty', '--sort=size')), listed);
    const [first] = listed;
    for (const member of ['id', 'name', 'import_time', 'last_used_time', 'size'])
      assert.ok(member in (first ?? {}), member);
    assert.equal(first?.['name'], 'example.com/zebra:1');
    const imported = Number(first?.['import_time']) / 1e6;
    assert.ok(imported >= before - 1 && imported <= Date.now() + 1);
  });

  it('refuses fields, sorts, orders and formats that there are not', () => {
    for (const flag of [
      '--fields=latest',
      '--fields=id,x',
      '--sort=id',
      '--order=up',
      '--format=yaml',
      '--full=maybe',
    ]) {
      const { status, stdout, stderr } = podctl('image', 'list', flag);
      assert.deepEqual([status, stdout], [254, ''], flag);
      assert.match(stderr, /^podctl: image list: usage: /);
    }
  });

  it('§1.0 §1.2 image rm says what rkt says, and does not fail for what is not there', () => {
    store();
    const id = ids.get('example.com/zebra');
    const { status, stdout, stderr } = podctl('image', 'rm', 'example.com/zebra:1', 'example.com/none', 'sha512-00');
    assert.deepEqual([status, stdout], [0, `successfully removed aci for image: "${id}"\n`]);
    assert.match(stderr, /cannot find aci satisfying name: "example.com\/none" and labels: \[\] in the local store/);
    assert.match(stderr, /no image IDs found/);
    assert.match(stderr, /^rm: 1 image\(s\) successfully removed$/m);
  });
});
