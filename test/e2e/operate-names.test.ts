/** Which pod a name means, and what else carries it. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { busyboxAci } from '../fixtures/aci';
import { command, needsHost, output, Rig } from '../rig/rig';
import { skip } from '../runner/skip';

interface Pod {
  readonly name: string;
  readonly state: string;
}

describe('names of pods', () => {
  let rig: Rig;
  let image: string;

  before(function () {
    needsHost(this);
    rig = new Rig();
    image = rig.write('sh.aci', busyboxAci({ name: 'example.com/sh', exec: ['/bin/sh', '-c', 'exec sleep 1000'] }));
  });
  after(() => rig?.dispose());

  const detach = (name: string): string =>
    rig.ok('--insecure-options=image', 'run', '--detach', '--net=none', `--name=${name}`, image).trim();
  const status = (pod: string): Pod => JSON.parse(rig.ok('status', '--format=json', pod)) as Pod;

  it('mean the pod that took the name last, for every verb, and the earlier one is told of when it is nobody’s', () => {
    const old = detach('shop');
    rig.ok('stop', 'shop');
    const young = detach('shop');
    assert.equal(rig.ok('stop', '--force', 'shop'), `"${young}"\n`);
    assert.equal(rig.ok('restart', 'shop'), `"${young}"\n`);
    const busy = rig.podctl('rm', 'shop');
    assert.notEqual(busy.status, 0);
    assert.ok(busy.stderr.includes(young) && !busy.stderr.includes(old), busy.stderr);
    rig.ok('stop', 'shop');
    rig.ok('rm', 'shop');
    assert.equal(status(old).state, 'exited');
    const lost = rig.podctl('status', 'shop');
    assert.match(lost.stderr, new RegExp(`pod-not-found: .*\\n\\s+hint: .*took the name from ${old}`));
    // It takes its name back when it runs again.
    rig.ok('restart', old);
    assert.equal(status('shop').name, old);
    rig.ok('stop', old);
  });

  it('machinectl bind reaches a pod by its new name, and what was bound before stays', function () {
    if (command(['sh', '-c', 'command -v machinectl']).status !== 0) skip(this, 'machinectl is not installed');
    output('mount', '--make-rshared', '/'); // as systemd makes it on hosts that are no containers
    const [one, two] = ['one', 'two'].map((name) => rig.write(`${name}/file`, `${name}\n`).replace(/\/file$/, ''));
    detach('early');
    output('machinectl', 'bind', '--mkdir', 'early', one ?? '', '/apps/sh/mnt/one');
    rig.ok('rename', 'early', 'late');
    output('machinectl', 'bind', '--mkdir', 'late', two ?? '', '/apps/sh/mnt/two');
    assert.equal(rig.ok('enter', 'late', 'cat', '/mnt/one/file', '/mnt/two/file'), 'one\ntwo\n');
    assert.deepEqual(
      fs.readdirSync('/run/systemd/nspawn/propagate').filter((name) => /^(?:early|late)$/.test(name)),
      ['late'],
    );
    rig.ok('stop', 'late');
    rig.ok('rm', 'late');
    assert.equal(fs.existsSync('/run/systemd/nspawn/propagate/late'), false);
  });
});
