/** `podctl store check`: every kind of damage is found, told with its code, and mended by --repair; a sound store is left alone. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { buildAci, busyboxAci, imageIdOf } from '../fixtures/aci';
import { needsHost, Rig } from '../rig/rig';

interface Check {
  readonly findings: readonly { readonly code: string; readonly path: string; readonly repaired: boolean }[];
  readonly images: { readonly count: number; readonly bytes: number };
  readonly trees: { readonly count: number; readonly bytes: number };
}

describe('store check', function () {
  this.timeout(120_000);
  let rig: Rig;
  let image: string;
  let tree: string;
  const ID = imageIdOf(busyboxAci({ name: 'example.com/one' }));

  before(function () {
    needsHost(this);
    rig = new Rig();
    rig.ok('--insecure-options=image', 'fetch', rig.write('one.aci', busyboxAci({ name: 'example.com/one' })));
    rig.ok('--insecure-options=image', 'prepare', '--name=kept', 'example.com/one');
    image = `${rig.dataDir}/images/${ID}`;
    const [name = ''] = fs.readdirSync(`${rig.dataDir}/trees`);
    tree = `${rig.dataDir}/trees/${name}`;
  });
  after(() => rig?.dispose());

  function check(status: number, ...flags: readonly string[]): Check {
    const found = rig.podctl('store', 'check', '--format=json', ...flags);
    assert.equal(found.status, status, found.stderr + found.stdout);
    return JSON.parse(found.stdout) as Check;
  }

  /** Found with these codes; mended at once; and then there is nothing more. */
  function mends(damage: () => void, codes: readonly string[], ...flags: readonly string[]): void {
    damage();
    const told = check(1, ...flags);
    assert.deepEqual(told.findings.map(({ code }) => code).sort(), [...codes].sort());
    assert.ok(told.findings.every(({ repaired, path }) => !repaired && path.startsWith(rig.dataDir)));
    assert.ok(check(0, '--repair', ...flags).findings.every(({ repaired }) => repaired));
    assert.deepEqual(check(0, '--deep').findings, []);
  }

  const refetch = () => rig.ok('--insecure-options=image', 'fetch', `${rig.root}/one.aci`);

  it('finds nothing in a sound store, and counts what is in it', () => {
    const { findings, images, trees } = check(0, '--deep');
    assert.deepEqual(findings, []);
    assert.deepEqual([images.count, images.bytes], [1, fs.statSync(`${image}/image.tar`).size]);
    assert.ok(trees.count === 1 && trees.bytes > 100_000);
    const { stdout, stderr } = rig.podctl('store', 'check');
    assert.equal(stdout, '');
    assert.match(stderr, /^1 image\(s\), .*; 1 tree\(s\), .*; 0 finding\(s\)$/m);
  });

  it('an image whose bytes changed is removed', () => {
    mends(() => {
      const fd = fs.openSync(`${image}/image.tar`, 'r+');
      fs.writeSync(fd, 'x', 5000);
      fs.closeSync(fd);
    }, ['image-digest']);
    assert.equal(fs.existsSync(image), false);
    refetch();
  });

  it('a manifest that is not the one in the archive is replaced by that', () => {
    const manifest = fs.readFileSync(`${image}/manifest`);
    for (const damage of [
      () => fs.writeFileSync(`${image}/manifest`, manifest.toString().replace('/bin', '/bad')),
      () => fs.rmSync(`${image}/manifest`),
    ]) {
      mends(damage, ['image-manifest']);
      assert.deepEqual(fs.readFileSync(`${image}/manifest`), manifest);
    }
  });

  it('an image that lost what is known of it is read in again; one without its bytes is removed', () => {
    for (const damage of [() => fs.rmSync(`${image}/info.json`), () => fs.writeFileSync(`${image}/info.json`, '{')]) {
      mends(damage, ['image-incomplete']);
      assert.match(rig.ok('image', 'list'), /example.com\/one/);
    }
    mends(() => fs.rmSync(`${image}/image.tar`), ['image-incomplete']);
    assert.equal(fs.existsSync(image), false);
    refetch();
  });

  it('an image under the name of another one is removed', () => {
    const other = `${rig.dataDir}/images/sha512-${'0'.repeat(128)}`;
    mends(() => fs.cpSync(image, other, { recursive: true }), ['image-digest']);
    assert.equal(fs.existsSync(other), false);
  });

  it('half trees are removed, and changed ones rendered again', () => {
    mends(() => fs.rmSync(`${tree}/tree.json`), ['tree-incomplete']);
    assert.equal(fs.existsSync(tree), false);
    const render = () => rig.ok('rm', rig.ok('--insecure-options=image', 'prepare', 'example.com/one').trim());
    render();
    mends(() => fs.rmSync(`${tree}/rootfs`, { recursive: true }), ['tree-incomplete']);
    render();
    mends(() => fs.writeFileSync(`${tree}/rootfs/bin/new`, ''), ['tree-changed'], '--deep');
    assert.equal(fs.existsSync(`${tree}/rootfs/bin/new`), false);
  });

  it('temporaries, notes and names that nothing belongs to are removed', () => {
    mends(() => {
      fs.mkdirSync(`${rig.dataDir}/tmp/left/deep`, { recursive: true });
      fs.mkdirSync(`${rig.dataDir}/images/.removed-1`);
    }, ['temporary', 'temporary']);
    fs.mkdirSync(`${rig.dataDir}/sources`, { recursive: true, mode: 0o700 });
    mends(() => {
      fs.writeFileSync(`${rig.dataDir}/sources/1-2.json`, JSON.stringify({ id: `sha512-${'1'.repeat(128)}` }));
      fs.writeFileSync(`${rig.dataDir}/sources/1-3.json`, '{');
    }, ['source-dangling', 'source-dangling']);
    mends(() => fs.symlinkSync('11111111-2222-4333-8444-555555555555', `${rig.dataDir}/names/gone`), ['name-dangling']);
    assert.deepEqual(fs.readdirSync(`${rig.dataDir}/names`), ['kept']);
  });

  it('wrong owners and modes are set right', () => {
    mends(() => fs.chmodSync(`${rig.dataDir}/trees`, 0o755), ['permissions']);
    mends(() => fs.chownSync(`${rig.dataDir}/tmp`, 7, 0), ['permissions']);
    mends(() => fs.chmodSync(`${rig.dataDir}/images`, 0o777), ['permissions']);
    assert.equal(fs.statSync(`${rig.dataDir}/trees`).mode & 0o7777, 0o700);
  });

  it('what podctl did not make is told, and left alone', () => {
    const stray = `${rig.dataDir}/images/readme`;
    fs.writeFileSync(stray, '');
    const { findings } = check(1, '--repair');
    assert.deepEqual(
      findings.map(({ code, path, repaired }) => [code, path, repaired]),
      [['stray', stray, false]],
    );
    assert.match(rig.podctl('store', 'check').stdout, /^stray: .*readme: is no image \(not repaired by podctl\)$/m);
    fs.rmSync(stray);
  });

  it('a running pod keeps a tree that it runs on, damaged as it is', () => {
    const pod = rig
      .ok(
        '--insecure-options=image',
        'run',
        '--net=none',
        '--detach',
        'example.com/one',
        '--exec',
        '/bin/sleep',
        '--',
        '1000',
      )
      .trim();
    fs.writeFileSync(`${tree}/rootfs/bin/new`, '');
    assert.deepEqual(
      check(1, '--deep', '--repair').findings.map(({ code, repaired }) => [code, repaired]),
      [['tree-changed', false]],
    );
    rig.ok('stop', '--force', pod);
    check(0, '--deep', '--repair');
  });

  it('images of several layers count once each', () => {
    const base = buildAci({ name: 'example.com/base' });
    rig.ok('--insecure-options=image', 'fetch', rig.write('base.aci', base));
    assert.equal(check(0).images.count, 2);
    rig.ok('image', 'rm', 'example.com/base');
  });
});
