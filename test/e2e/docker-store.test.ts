/** What the store makes of Docker and OCI images: found again, trusted or not, collected with what they need. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { Gpg } from '../fixtures/gpg';
import { busyboxLayer, dockerArchive, layer } from '../fixtures/oci';
import { command, needsHost, output, PODCTL, Rig } from '../rig/rig';

interface Listed {
  readonly id: string;
  readonly name: string;
}

describe('Docker and OCI images in the store', () => {
  let rig: Rig;
  before(function () {
    needsHost(this);
  });
  beforeEach(() => {
    rig = new Rig();
  });
  afterEach(() => rig?.dispose());

  const archive = (name: string): string => {
    const layers = [busyboxLayer(), layer([{ name: 'unique', content: name }])];
    const config = { Cmd: ['/bin/echo', name] };
    return rig.write(`${name}.tar`, dockerArchive([{ layers, config, tags: [`${name}:1`] }], 'flat'));
  };
  const listed = (): readonly Listed[] => JSON.parse(rig.ok('image', 'list', '--format=json')) as Listed[];
  const layers = (): readonly Listed[] => listed().filter(({ name }) => name.startsWith('layer/'));

  it('an archive is not read again, unless a layer of its image is gone', () => {
    const file = archive('again');
    output('sleep', '0.1'); // a file changed within the last tick of the kernel's clock is never taken for known
    assert.equal(rig.ok('run', '--net=none', `docker-archive:${file}`), 'again\n');
    const trace = `${rig.root}/trace`;
    const run = ['run', '--net=none', `docker-archive:${file}`];
    const traced = command(['strace', '-f', '-e', 'trace=open,openat', '-o', trace, PODCTL, ...rig.globals, ...run]);
    assert.equal(traced.stdout, 'again\n', traced.stderr);
    assert.match(fs.readFileSync(trace, 'utf8'), /tree\.json/);
    assert.doesNotMatch(fs.readFileSync(trace, 'utf8'), /again\.tar/);
    rig.ok('image', 'rm', layers().at(-1)?.id ?? '');
    assert.equal(rig.ok(...run), 'again\n');
  });

  it('two images have their common layers once, and image gc keeps those of images that are kept', () => {
    for (const name of ['one', 'two']) rig.ok('run', '--net=none', `docker-archive:${archive(name)}`);
    assert.equal(layers().length, 3);
    assert.equal(fs.readdirSync(`${rig.dataDir}/trees`).length, 5);
    rig.ok('image', 'gc');
    assert.equal(layers().length, 3, 'images in their grace period stay');
    rig.ok('image', 'rm', 'localhost/two');
    assert.equal(layers().length, 2);
    rig.removeEnded();
    const prepared = rig.ok('prepare', 'localhost/one').trim();
    rig.ok('image', 'gc', '--grace-period=0s');
    assert.deepEqual(layers().length, 2);
    assert.equal(fs.readdirSync(`${rig.dataDir}/trees`).length, 3);
    assert.equal(rig.ok('run-prepared', '--net=none', prepared), 'one\n');
    assert.equal(rig.ok('store', 'check', '--deep'), '');
  });

  it('image rm takes the layers that no other image has along, and pods keep what they run on', () => {
    for (const name of ['one', 'two']) rig.ok('fetch', `docker-archive:${archive(name)}`);
    const prepared = rig.ok('prepare', 'localhost/two').trim();
    assert.equal(layers().length, 3);
    rig.ok('image', 'rm', 'localhost/two');
    assert.equal(layers().length, 2);
    assert.equal(rig.ok('run-prepared', '--net=none', prepared), 'two\n');
    rig.ok('image', 'rm', 'localhost/one');
    assert.deepEqual(listed(), []);
    assert.equal(rig.ok('run', '--net=none', `docker-archive:${archive('one')}`), 'one\n');
  });

  it('needs no option, and is refused with --signed', () => {
    const place = `docker-archive:${archive('plain')}`;
    const signed = rig.podctl('run', '--signed', '--net=none', place);
    assert.deepEqual([signed.status, /signature-missing/.test(signed.stderr)], [254, true], signed.stderr);
    assert.deepEqual(rig.leftovers(), []);
    assert.equal(rig.ok('run', '--net=none', place), 'plain\n');
    assert.equal(rig.ok('run', '--net=none', 'localhost/plain'), 'plain\n');
    assert.match(rig.podctl('run', '--signed', '--net=none', 'localhost/plain').stderr, /signature-missing/);
  });

  it('does not stand in for a name that keys are trusted for', () => {
    const gpg = new Gpg();
    try {
      rig.ok('fetch', `docker-archive:${archive('example.com/web')}`);
      const key = rig.write('key.asc', gpg.export([gpg.key('owner')]));
      assert.equal(rig.ok('run', '--net=none', 'example.com/web'), 'example.com/web\n');
      rig.ok('trust', '--prefix=example.com', '--skip-fingerprint-review', key);
      const { status, stderr } = rig.podctl('run', '--net=none', 'example.com/web');
      assert.deepEqual([status, /signature-missing: .*keys are trusted/.test(stderr)], [254, true], stderr);
    } finally {
      gpg.close();
    }
  });
});
