/** `image verify` (rkt-cli.md §1.2): every change of a tree is found and mended, damage of an image told. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { native } from '../../stage1/native/index';
import { busyboxAci } from '../fixtures/aci';
import { snapshotTree } from '../fixtures/snapshot';
import { baseAci, fetchAci, requireRefused, topAci, treesIn } from '../rig/images';
import { needsHost, Rig } from '../rig/rig';

describe('image verify', function () {
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
  const trees = (): readonly string[] => treesIn(rig);
  const refused = (code: string, says: RegExp, ...args: readonly string[]): void =>
    requireRefused(rig, code, says, args);

  const setAttribute = (file: string): void => {
    const directory = fs.openSync(path.dirname(file), fs.constants.O_RDONLY);
    native().lsetxattrat(directory, path.basename(file), 'user.new', Buffer.from('x'));
    fs.closeSync(directory);
  };

  it('§1.2 verify finds every change of a tree and mends it', () => {
    fetch('base', baseAci());
    fetch('top', topAci());
    assert.match(
      rig.ok('image', 'verify', 'example.com/top'),
      /^image "example.com\/top" not rendered; no verification needed$/m,
    );
    rig.ok('--insecure-options=image', 'prepare', 'example.com/top', '--exec', '/top');
    const [tree = ''] = trees();
    const root = `${rig.dataDir}/trees/${tree}/rootfs`;
    const before = snapshotTree(root);
    const verify = () => rig.podctl('image', 'verify', 'example.com/top');
    const { stdout, stderr } = verify();
    assert.equal(stdout, 'successfully verified checksum for image: "example.com/top"\n');
    assert.equal(stderr, '');
    const time = new Date(0);
    const linkTime = fs.lstatSync(`${root}/link`).mtime;
    const replaceByLink = (): void => {
      fs.rmSync(`${root}/top`);
      fs.symlinkSync('etc', `${root}/top`);
    };
    const changes: readonly (readonly [string, RegExp, () => void])[] = [
      ['content', /\/etc\/base" has other content/, () => fs.writeFileSync(`${root}/etc/base`, 'bass')],
      ['mode', /\/top" has mode 0755, not 4755/, () => fs.chmodSync(`${root}/top`, 0o755)],
      ['owner', /\/etc\/base" belongs to 0:0, not 7:0/, () => fs.chownSync(`${root}/etc/base`, 0, 0)],
      ['time', /\/top" has another modification time/, () => fs.utimesSync(`${root}/top`, time, new Date(1e9))],
      ['a new name', /\/etc\/new" does not belong there/, () => fs.writeFileSync(`${root}/etc/new`, '')],
      ['a lost one', /\/etc" is missing/, () => fs.rmSync(`${root}/etc`, { recursive: true })],
      ['type', /\/top" is of another type/, replaceByLink],
      ['an attribute', /\/top" has another attribute "user\.new"/, () => setAttribute(`${root}/top`)],
      [
        'time of a directory',
        /\/etc" has another modification time/,
        () => fs.utimesSync(`${root}/etc`, time, new Date(1e9)),
      ],
      [
        'target of a link',
        /\/link" leads to "pot", not "top"/,
        () => {
          fs.rmSync(`${root}/link`);
          fs.symlinkSync('pot', `${root}/link`);
          fs.lutimesSync(`${root}/link`, linkTime, linkTime);
        },
      ],
      [
        'a hard link',
        /\/top" has 2 names, not 1|\/again" does not belong there/,
        () => fs.linkSync(`${root}/top`, `${root}/again`),
      ],
    ];
    for (const [what, says, change] of changes) {
      change();
      assert.notDeepEqual(snapshotTree(root), before, what);
      const found = verify();
      assert.equal(found.status, 0, what);
      assert.match(found.stderr, says);
      assert.match(found.stderr, /rendered it again/);
      assert.deepEqual(snapshotTree(root), before, what);
    }
    assert.deepEqual(
      rig.leftovers().filter((name) => name.startsWith('tmp/')),
      [],
    );
  });

  it('§1.2 verify refuses to take a tree away from a pod that runs on it', async () => {
    fetch('sleep', busyboxAci({ name: 'example.com/sleep', exec: ['/bin/sleep', '1000'] }));
    const pod = rig.ok('--insecure-options=image', 'run', '--net=none', '--detach', 'example.com/sleep').trim();
    const [tree = ''] = trees();
    fs.writeFileSync(`${rig.dataDir}/trees/${tree}/rootfs/new`, '');
    refused('pod-wrong-state', /has changed .*pods run on it/, 'image', 'verify', 'example.com/sleep');
    rig.ok('stop', '--force', pod);
    rig.ok('image', 'verify', 'example.com/sleep');
    assert.equal(fs.existsSync(`${rig.dataDir}/trees/${tree}/rootfs/new`), false);
  });

  it('§1.2 verify tells a damaged image, and fetching it again brings it back', () => {
    const id = fetch('base', baseAci());
    const blob = `${rig.dataDir}/images/${id}/image.tar`;
    const bytes = fs.readFileSync(blob);
    bytes.writeUInt8(bytes.readUInt8(600) ^ 1, 600);
    fs.writeFileSync(blob, bytes);
    refused('image-damaged', /its bytes are sha512-/, 'image', 'verify', id);
    rig.ok('image', 'rm', id);
    fetch('base', baseAci());
    rig.ok('image', 'verify', id);
  });
});
