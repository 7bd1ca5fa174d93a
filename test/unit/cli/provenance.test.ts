/** Who signed an image, with which key and when, as `podctl image` tells it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { buildAci } from '../../fixtures/aci';
import { Gpg } from '../../fixtures/gpg';
import { scratchDirectory } from '../../fixtures/scratch';

const PODCTL = path.join(__dirname, '../../../lib/podctl');
const SIGNED_AT = '2026-01-02T03:04:05';

describe('the provenance of images', function () {
  this.timeout(60_000);
  const scratch = scratchDirectory();
  const gpg = new Gpg();
  let key: string;
  before(() => {
    key = gpg.key('owner', { at: '2026-01-01T00:00:00' });
  });
  after(() => gpg.close());

  const podctl = (...args: readonly string[]) => {
    const dirs = [`--dir=${scratch()}/data`, `--local-config=${scratch()}/etc`, `--system-config=${scratch()}/usr`];
    const run = spawnSync(process.execPath, [PODCTL, ...dirs, ...args], { encoding: 'utf8' });
    assert.equal(run.status, 0, run.stderr);
    return run;
  };
  const write = (name: string, content: Buffer): string => {
    fs.writeFileSync(`${scratch()}/${name}`, content);
    return `${scratch()}/${name}`;
  };
  const store = (): void => {
    const signed = buildAci({ name: 'example.com/signed' });
    write('signed.aci.asc', gpg.sign(signed, { by: [key], at: SIGNED_AT }));
    podctl('trust', '--prefix=example.com', '--skip-fingerprint-review', write('key', gpg.export([key])));
    podctl('fetch', write('signed.aci', signed));
    podctl('--insecure-options=image', 'fetch', write('plain.aci', buildAci({ name: 'example.com/plain' })));
  };

  it('image list --full shows it in columns, --format=json whole', () => {
    store();
    const rows = podctl('image', 'list', '--full', '--sort=name').stdout.trimEnd().split('\n');
    const ends = rows.map((row) => row.split(/\t+/).slice(-3));
    assert.deepEqual(ends, [
      ['SIGNED BY', 'KEY OWNER', 'SIGNED AT'],
      ['-', '-', '-'],
      [key, 'owner <owner@example.com>', `${SIGNED_AT}.000Z`],
    ]);
    const [plain, signed] = JSON.parse(podctl('image', 'list', '--sort=name', '--format=json').stdout);
    assert.deepEqual([plain.signed_by, plain.signature], [null, null]);
    assert.equal(signed.signed_by, key);
    assert.equal(signed.signature.fingerprint, key);
    assert.equal(signed.signature.signed_at, Date.parse(`${SIGNED_AT}Z`) * 1e6);
    assert.equal(signed.signature.prefix, 'example.com');
    assert.ok(signed.signature.verified_at / 1e6 > Date.now() - 600_000);
  });

  it('image cat-manifest --provenance tells it on stderr; stdout stays the manifest', () => {
    store();
    const alone = podctl('image', 'cat-manifest', 'example.com/signed');
    const told = podctl('image', 'cat-manifest', '--provenance', 'example.com/signed');
    assert.equal(told.stdout, alone.stdout);
    assert.equal(alone.stderr, '');
    const { id, source, signature, name } = JSON.parse(told.stderr);
    assert.match(id, /^sha512-/);
    assert.deepEqual([name, source], ['example.com/signed', `${scratch()}/signed.aci`]);
    assert.deepEqual([signature.fingerprint, signature.key_owner], [key, 'owner <owner@example.com>']);
    const plain = JSON.parse(podctl('image', 'cat-manifest', '--provenance', 'example.com/plain').stderr);
    assert.equal(plain.signature, null);
  });
});
