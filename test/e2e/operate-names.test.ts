/** Which pod a name means, and what else carries it. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { command, output, untilForgotten } from '../rig/rig';
import { IdlePods } from '../rig/suite';
import { skip } from '../runner/skip';

describe('names of pods', () => {
  const pods = new IdlePods();

  it('mean the pod that took the name last, for every verb, and the earlier one is told of when it is nobody’s', () => {
    const old = pods.detach('shop');
    pods.rig.ok('stop', 'shop');
    const young = pods.detach('shop');
    assert.equal(pods.rig.ok('stop', '--force', 'shop'), `"${young}"\n`);
    assert.equal(pods.rig.ok('restart', 'shop'), `"${young}"\n`);
    const busy = pods.rig.podctl('rm', 'shop');
    assert.notEqual(busy.status, 0);
    assert.ok(busy.stderr.includes(young) && !busy.stderr.includes(old), busy.stderr);
    pods.rig.ok('stop', 'shop');
    pods.rig.ok('rm', 'shop');
    assert.equal(pods.status(old).state, 'exited');
    const lost = pods.rig.podctl('status', 'shop');
    assert.match(lost.stderr, new RegExp(`pod-not-found: .*\\n\\s+hint: .*took the name from ${old}`));
    // It takes its name back when it runs again.
    pods.rig.ok('restart', old);
    assert.equal(pods.status('shop').name, old);
    pods.rig.ok('stop', old);
  });

  it('machinectl bind reaches a pod by its new name, and what was bound before stays', async function () {
    if (command(['sh', '-c', 'command -v machinectl']).status !== 0) skip(this, 'machinectl is not installed');
    output('mount', '--make-rshared', '/'); // as systemd makes it on hosts that are no containers
    const [one, two] = ['one', 'two'].map((name) => pods.rig.write(`${name}/file`, `${name}\n`).replace(/\/file$/, ''));
    pods.detach('early');
    output('machinectl', 'bind', '--mkdir', 'early', one ?? '', '/apps/sh/mnt/one');
    pods.rig.ok('rename', 'early', 'late');
    output('machinectl', 'bind', '--mkdir', 'late', two ?? '', '/apps/sh/mnt/two');
    assert.equal(pods.rig.ok('enter', 'late', 'cat', '/mnt/one/file', '/mnt/two/file'), 'one\ntwo\n');
    assert.deepEqual(
      fs.readdirSync('/run/systemd/nspawn/propagate').filter((name) => /^(?:early|late)$/.test(name)),
      ['late'],
    );
    pods.rig.ok('stop', 'late');
    await untilForgotten('late');
    pods.rig.ok('rm', 'late');
    assert.equal(fs.existsSync('/run/systemd/nspawn/propagate/late'), false);
  });
});
