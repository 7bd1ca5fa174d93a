/** The image commands as rkt's users know them (rkt-cli.md §1.2, §1.4), in a rig of their own. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { buildAci, busyboxAci, imageIdOf } from '../fixtures/aci';
import { snapshotTree } from '../fixtures/snapshot';
import { baseAci, fetchAci, requireRefused, topAci, treesIn } from '../rig/images';
import { needsHost, Rig } from '../rig/rig';

interface Listed {
  readonly id: string;
  readonly name: string;
  readonly size: number;
  readonly blob_size: number;
  readonly tree_size: number;
}

describe('image commands', function () {
  this.timeout(120_000);
  let rig: Rig;

  before(function () {
    needsHost(this);
  });
  beforeEach(() => {
    rig = new Rig();
  });
  afterEach(() => rig?.dispose());

  const fetch = (name: string, aci: Buffer): string => fetchAci(rig, name, aci);
  const list = (): readonly Listed[] => JSON.parse(rig.ok('image', 'list', '--format=json')) as Listed[];
  const trees = (): readonly string[] => treesIn(rig);
  const refused = (code: string, says: RegExp, ...args: readonly string[]): void =>
    requireRefused(rig, code, says, args);

  it('§1.2 A1 export writes the very bytes that were stored, and refuses to replace a file', () => {
    fetch('base', baseAci());
    const id = fetch('top', topAci());
    const file = `${rig.root}/out.aci`;
    rig.ok('image', 'export', id.slice(0, 20), file);
    assert.equal(imageIdOf(fs.readFileSync(file)), id);
    refused('output-exists', /output ACI file exists \(try --overwrite\)/, 'image', 'export', id, file);
    rig.ok('image', 'export', '--overwrite', 'example.com/top:1.0', file);
    refused('usage', /does not end in \.aci/, 'image', 'export', id, `${rig.root}/out.tar`);
    refused('image-not-found', /example.com\/none/, 'image', 'export', 'example.com/none', `${rig.root}/no.aci`);
    assert.equal(fs.existsSync(`${rig.root}/no.aci`), false);
  });

  it('§1.2 extract unpacks the image alone, render all it depends on', () => {
    for (const [name, aci] of [
      ['base', baseAci()],
      ['top', topAci()],
    ] as const)
      fetch(name, aci);
    const [raw, rendered, root] = ['raw', 'rendered', 'root'].map((name) => `${rig.root}/${name}`) as [
      string,
      string,
      string,
    ];
    rig.ok('image', 'extract', 'example.com/top', raw);
    assert.deepEqual(fs.readdirSync(raw).sort(), ['manifest', 'rootfs']);
    assert.deepEqual(fs.readdirSync(`${raw}/rootfs`).sort(), ['link', 'top']);
    rig.ok('image', 'render', 'example.com/top', rendered);
    assert.deepEqual(fs.readdirSync(`${rendered}/rootfs`).sort(), ['etc', 'link', 'top']);
    assert.deepEqual(JSON.parse(fs.readFileSync(`${rendered}/manifest`, 'utf8')).name, 'example.com/top');
    rig.ok('image', 'render', '--rootfs-only', 'example.com/top', root);
    assert.deepEqual(snapshotTree(root), snapshotTree(`${rendered}/rootfs`));
    assert.equal(fs.statSync(`${root}/etc/base`).uid, 7);
    assert.equal(fs.statSync(`${root}/top`).mode & 0o7777, 0o4755);
    assert.deepEqual(
      fs.readdirSync(rig.root).filter((name) => name.startsWith('.')),
      [],
    );
  });

  it('§1.2 extract and render replace a directory only with --overwrite, and never / nor the store', () => {
    fetch('base', baseAci());
    const directory = `${rig.root}/place`;
    fs.mkdirSync(directory);
    fs.writeFileSync(`${directory}/mine`, '');
    for (const verb of ['extract', 'render']) {
      refused('output-exists', /try --overwrite/, 'image', verb, 'example.com/base', directory);
      assert.deepEqual(fs.readdirSync(directory), ['mine']);
      refused('usage', /would delete your root filesystem/, 'image', verb, '--overwrite', 'example.com/base', '/');
      refused('usage', /root filesystem/, 'image', verb, '--overwrite', 'example.com/base', '/usr/..');
      refused('usage', /holds the images/, 'image', verb, '--overwrite', 'example.com/base', rig.root);
      refused('usage', /no directory/, 'image', verb, 'example.com/base', `${rig.root}/none/below`);
    }
    rig.ok('image', 'extract', '--overwrite', '--rootfs-only', 'example.com/base', directory);
    assert.deepEqual(fs.readdirSync(directory), ['etc']);
    assert.deepEqual(
      fs.readdirSync(rig.root).filter((name) => name.startsWith('.')),
      [],
    );
  });

  it('§1.2 gc takes trees no pod uses and images unused for long, and nothing a pod needs', () => {
    fetch('base', baseAci());
    const used = fetch('used', busyboxAci({ name: 'example.com/used', exec: ['/bin/true'] }));
    const insecure = '--insecure-options=image';
    const pod = rig.ok(insecure, 'prepare', 'example.com/used').trim();
    const other = rig.ok(insecure, 'prepare', `${rig.root}/base.aci`, '--exec', '/etc/base').trim();
    rig.ok('rm', other);
    assert.equal(trees().length, 2);
    const { stdout, stderr } = rig.podctl('image', 'gc');
    assert.match(stderr, /^removed treestore "t1-[0-9a-f]{64}"$/m);
    assert.match(stderr, /^gc: 0 image\(s\) successfully removed$/m);
    assert.equal(stdout, '');
    assert.equal(trees().length, 1);
    assert.match(
      rig.ok('image', 'gc', '--grace-period=0'),
      /^successfully removed aci for image: "sha512-[0-9a-f]{128}"\n$/,
    );
    assert.deepEqual(
      list().map(({ id }) => id),
      [used],
    );
    rig.ok('image', 'rm', used);
    rig.ok('image', 'gc', '--grace-period=0');
    assert.equal(trees().length, 1); // the pod keeps what it needs of an image that was removed
    rig.ok('run-prepared', '--net=none', pod);
    rig.ok('rm', pod);
    rig.ok('image', 'gc', '--grace-period=0');
    assert.deepEqual([trees(), list(), rig.leftovers()], [[], [], []]);
  });

  it('§1.2 gc keeps the dependencies of an image that stays', () => {
    fetch('base', baseAci());
    const id = fetch('top', topAci());
    const old = new Date(Date.now() - 48 * 3600_000);
    const baseId = imageIdOf(baseAci());
    const info = `${rig.dataDir}/images/${baseId}/info.json`;
    const known = JSON.parse(fs.readFileSync(info, 'utf8')) as object;
    fs.writeFileSync(info, JSON.stringify({ ...known, importedAt: old.getTime() }));
    fs.rmSync(`${rig.dataDir}/images/${baseId}/used`, { force: true });
    rig.ok('image', 'gc');
    assert.deepEqual(
      list()
        .map((image) => image.id)
        .sort(),
      [id, baseId].sort(),
    );
    rig.ok('image', 'rm', id);
    rig.ok('image', 'gc');
    assert.deepEqual(list(), []);
  });

  it('§1.4 list: sizes are those of the blob and the tree, and every field sorts both ways', () => {
    const first = fetch('base', baseAci());
    const second = fetch('big', busyboxAci({ name: 'example.com/big' }));
    rig.ok('--insecure-options=image', 'prepare', 'example.com/big');
    for (const { size, blob_size, tree_size, id } of list()) {
      assert.equal(size, blob_size + tree_size);
      assert.equal(blob_size, fs.statSync(`${rig.dataDir}/images/${id}/image.tar`).size);
      assert.equal(tree_size > 0, id === second);
    }
    const order = (...flags: string[]): string[] =>
      rig
        .ok('image', 'list', '--full', '--no-legend', '--fields=id', ...flags)
        .trim()
        .split('\n')
        .map((line) => line.split(/\s/)[0] ?? '');
    for (const field of ['importtime', 'lastused', 'size']) {
      assert.deepEqual(order(`--sort=${field}`), [first, second], field);
      assert.deepEqual(order(`--sort=${field}`, '--order=desc'), [second, first], field);
    }
    assert.deepEqual(order('--sort=name', '--order=desc'), [second, first]);
    const [legend = '', row = ''] = rig.ok('image', 'list', '--full').split('\n');
    assert.match(legend, /^ID\s+NAME\s+SIZE\s+IMPORT TIME\s+LAST USED\s+SIGNED BY\s+KEY OWNER\s+SIGNED AT$/);
    assert.match(row, new RegExp(`^${first}\\s+example.com/base\\s+\\d+\\s`));
    assert.match(rig.ok('image', 'list'), new RegExp(`^${first.slice(0, 19)}\\t`, 'm'));
    assert.match(rig.ok('image', 'list', '--format=json-pretty'), /^\[\n\t\{\n\t\t"id"/);
  });

  it('references: prefixes, ambiguity, versions and labels', () => {
    const twins = (): readonly [Buffer, Buffer, string] => {
      const seen = new Map<string, Buffer>();
      for (let i = 0; ; i += 1) {
        const aci = buildAci({ name: `example.com/twin${i}` });
        const prefix = imageIdOf(aci).slice(0, 9);
        const other = seen.get(prefix);
        if (other !== undefined) return [other, aci, prefix];
        seen.set(prefix, aci);
      }
    };
    const [one, two, prefix] = twins();
    fetch('one', one);
    fetch('two', two);
    fetch('other', buildAci({ name: 'example.com/n0' }));
    refused('image-ambiguous', /ambiguous image ID/, 'image', 'cat-manifest', prefix);
    refused('image-reference-invalid', /image ID too short/, 'image', 'cat-manifest', prefix.slice(0, 8));
    assert.match(rig.ok('image', 'cat-manifest', imageIdOf(two).slice(0, 40)), /example.com\/twin/);
    assert.match(rig.ok('image', 'cat-manifest', '--pretty-print=false', 'example.com/n0'), /^\{"ac[^\n]*\}\n$/);
    refused('image-not-found', /no image IDs found/, 'image', 'cat-manifest', `sha512-${'0'.repeat(128)}`);
    fetch('base', baseAci());
    fetch('top', topAci());
    rig.ok('image', 'cat-manifest', 'example.com/top:1.0');
    rig.ok('image', 'cat-manifest', 'example.com/top,version=1.0');
    refused(
      'image-not-found',
      /name: "example.com\/top" and labels: \[version=2\] in the local store/,
      'image',
      'cat-manifest',
      'example.com/top:2',
    );
  });
});
