/** --log-namespace: a journal of the pod's own, which journalctl -M shows. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { busyboxAci } from '../fixtures/aci';
import { command, needsHost, output, Rig, until } from '../rig/rig';

const machineId = (): string => fs.readFileSync('/etc/machine-id', 'utf8').trim();
const storesOf = (namespace: string): readonly string[] =>
  ['/var/log/journal', '/run/log/journal']
    .map((store) => `${store}/${machineId()}.${namespace}`)
    .filter((directory) => fs.existsSync(directory));

describe('journals of pods', () => {
  let rig: Rig;
  let image: string;

  before(function () {
    needsHost(this);
    rig = new Rig();
    const exec = ['/bin/sh', '-c', 'echo only here; exec sleep 100000'];
    image = rig.write('talk.aci', busyboxAci({ name: 'example.com/talk', exec }));
  });
  after(() => rig?.dispose());

  const run = (...flags: string[]): string =>
    rig.ok('--insecure-options=image', 'run', '--detach', '--net=none', ...flags, image).trim();
  /** Lines come when journald has read them. */
  const shown = (...args: string[]) =>
    until(() => (/only here/.test(command(['journalctl', '-q', ...args]).stdout) ? true : undefined), args.join(' '));

  it('journalctl -M shows the log of the pod, and no other journal has it; rm takes it away', async () => {
    const uuid = run('--name=talker', '--log-namespace');
    const namespace = `podctl-${uuid}`;
    await shown(`--namespace=${namespace}`);
    assert.match(output('journalctl', '-q', '-M', 'talker', '-t', 'talk', '-o', 'cat'), /^only here$/m);
    output('journalctl', '--sync');
    assert.doesNotMatch(command(['journalctl', '-q', `POD_UUID=${uuid}`, '-t', 'talk']).stdout, /only here/);
    assert.match(rig.ok('logs', 'talker', '-o', 'cat'), /only here/);
    assert.equal(storesOf(namespace).length, 1);
    rig.ok('stop', 'talker');
    assert.match(rig.ok('logs', 'talker', '-o', 'cat'), /only here/);
    rig.ok('rm', 'talker');
    assert.deepEqual(storesOf(namespace), []);
    const units = output(
      'systemctl',
      'list-units',
      '--all',
      '--plain',
      '--no-legend',
      `systemd-journald*@${namespace}*`,
    );
    assert.equal(units.trim(), '');
  });

  it('pods share a journal of a chosen name, which stays', async () => {
    run('--name=first', '--log-namespace=shared-test');
    run('--name=second', '--log-namespace=shared-test');
    await shown('--namespace=shared-test');
    rig.ok('stop', 'first', 'second');
    rig.ok('rm', 'first', 'second');
    assert.equal(storesOf('shared-test').length, 1);
    command(['systemctl', 'stop', 'systemd-journald@shared-test.service', 'systemd-journald@shared-test.socket']);
    command(['systemctl', 'stop', 'systemd-journald-varlink@shared-test.socket']);
    for (const directory of storesOf('shared-test')) fs.rmSync(directory, { recursive: true });
  });

  it('refuses names that are none', () => {
    for (const name of ['a/b', '..', 'a b', 'ä', '-x', 'x'.repeat(65)]) {
      const refused = rig.podctl('--insecure-options=image', 'run', '--net=none', `--log-namespace=${name}`, image);
      assert.equal(refused.status, 254, name);
      assert.match(refused.stderr, /invalid-name/, name);
    }
  });
});
