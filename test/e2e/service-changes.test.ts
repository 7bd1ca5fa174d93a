/** What makes a start of a pod in its unit one for Node: anything that is not as the last start saw it. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { busyboxAci } from '../fixtures/aci';
import { Gpg } from '../fixtures/gpg';
import { busyboxLayer, layer, layoutOf } from '../fixtures/oci';
import { Again, IDLE, RECORD, UNIT } from '../rig/replay';
import { output } from '../rig/rig';
import { helloImage, OwnUnits } from '../rig/suite';

describe('a pod that is started in its unit after a change', () => {
  const own = new OwnUnits(helloImage);
  const again = new Again(own);
  const { restart, script, startAndSettle } = again;

  const CHANGES: Readonly<Record<string, () => void>> = {
    'a variable of the unit': () => again.dropIn('Environment=WORD=other'),
    'the value of a variable': () => again.dropIn('Environment=GONE=no'),
    'a variable that the unit no longer has': () => again.dropIn('Environment='),
    'its arguments': () => again.dropIn('ExecStart=', `ExecStart=${again.line(...script(`${IDLE} #`))}`),
    'its working directory': () => again.dropIn('WorkingDirectory=/tmp'),
    'its umask': () => again.dropIn('UMask=0077'),
    'where its output goes': () => again.dropIn(`StandardOutput=append:${own.rig.root}/output`),
    'its capabilities': () => again.dropIn('CapabilityBoundingSet=~CAP_SYS_BOOT'),
    'credentials of the unit': () => again.dropIn('SetCredential=word:secret'),
    'the image file': () => fs.writeFileSync(own.image, fs.readFileSync(own.image)),
    "the pod's name": () => own.rig.ok('rename', 't-again', 'renamed'),
    'a pod that is gone': () => {
      output('systemctl', 'stop', UNIT);
      own.rig.ok('rm', 't-again');
    },
    'a tree that is gone': () => {
      output('systemctl', 'stop', UNIT);
      fs.rmSync(`${own.rig.dataDir}/trees`, { recursive: true });
    },
    'a record that others may write': () => fs.chmodSync(RECORD, 0o622),
    'a record of another user': () => fs.chownSync(RECORD, 1, 1),
    'a record that is a link': () => {
      fs.renameSync(RECORD, '/run/podctl/replay/elsewhere');
      fs.symlinkSync('/run/podctl/replay/elsewhere', RECORD);
    },
    'a record of another version': () =>
      fs.writeFileSync(RECORD, fs.readFileSync(RECORD, 'utf8').replace(/^podctl-replay 1/, 'podctl-replay 2')),
    'a record that was cut': () => fs.truncateSync(RECORD, 20_000),
    'no record': () => fs.unlinkSync(RECORD),
  };
  for (const [name, change] of Object.entries(CHANGES)) {
    it(`needs Node after a change: ${name}`, () => {
      again.write(script(IDLE), 'Environment=GONE=yes');
      startAndSettle();
      change();
      assert.equal(restart(), true);
    });
  }

  it('leaves its name to a pod that has got it meanwhile', () => {
    again.write(script(IDLE));
    startAndSettle();
    output('systemctl', 'stop', UNIT);
    const other = own.rig.ok('--insecure-options=image', 'prepare', '--name=t-again', own.image).trim();
    const before = again.nodeStarts();
    own.units.start(UNIT);
    assert.equal(again.nodeStarts(), before + 1);
    assert.match(own.units.journal(UNIT), /name "t-again" belongs to pod/);
    assert.equal(fs.readlinkSync(`${own.rig.dataDir}/names/t-again`), other);
    output('systemctl', 'stop', UNIT);
    own.rig.ok('rm', other);
  });

  it('needs Node for an image that is found by name once there is another image', () => {
    own.rig.ok('--insecure-options=image', 'fetch', own.image);
    const args = ['example.com/hello', '--exec=/bin/sh', '--', '-c', IDLE];
    again.write(args);
    startAndSettle();
    const other = busyboxAci({ name: 'example.com/other' });
    own.rig.ok('--insecure-options=image', 'fetch', own.rig.write('other.aci', other));
    assert.equal(restart(), true);
    assert.equal(restart(), false);
  });

  it('needs no Node for an image of several layers', () => {
    const config = { Entrypoint: ['/bin/sh', '-c', IDLE], User: 'web', WorkingDir: '/made' };
    const accounts = [{ name: 'etc/passwd', content: 'web:x:1000:1000::/:/bin/sh\n' }];
    const layout = layoutOf({ layers: [busyboxLayer(), layer(accounts, 'gzip')], config }, 'v1');
    again.write([`oci:${layout.write(`${own.rig.root}/layout`)}:v1`]);
    startAndSettle();
    fs.utimesSync(`${own.rig.root}/layout/index.json`, 1, 1);
    assert.equal(restart(), true);
  });

  it('needs Node as soon as the key that signed the image is trusted no more, and it refuses', () => {
    const gpg = new Gpg();
    try {
      const key = gpg.key('trusted');
      const bytes = busyboxAci({ name: 'example.com/signed', exec: ['/bin/sh', '-c', IDLE] });
      const image = own.rig.write('signed.aci', bytes);
      own.rig.write('signed.aci.asc', gpg.sign(bytes, { by: [key] }));
      const file = own.rig.write('key.asc', gpg.export([key]));
      own.rig.ok('trust', '--prefix=example.com/signed', '--skip-fingerprint-review', file);
      again.write([]);
      const line = again.line('--signed', image).replace('image,http', 'http');
      again.dropIn('ExecStart=', `ExecStart=${line}`);
      startAndSettle();
      const record = fs.readFileSync(RECORD, 'utf8');
      fs.writeFileSync(RECORD, record.replace('\nmachine ', '\nuntil 1000\nmachine '));
      assert.equal(restart(), true);
      assert.equal(restart(), false);
      fs.rmSync(`${own.rig.configDir}/trustedkeys`, { recursive: true });
      const before = again.nodeStarts();
      assert.notEqual(own.units.systemctl('restart', UNIT).status, 0);
      assert.equal(again.nodeStarts(), before + 1);
      assert.match(own.units.journal(UNIT), /signature-/);
    } finally {
      gpg.close();
    }
  });
});
