/** `podctl enter` when something ends: the command with it, and nothing is left. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { commOf, Entering, ended, SLEEP } from '../rig/entering';
import { needsHost, until } from '../rig/rig';

describe('podctl enter, when something ends', () => {
  let rig: Entering;

  before(function () {
    needsHost(this);
    rig = new Entering();
  });
  after(() => rig?.dispose());

  for (const [what, args] of [
    ['with pipes', []],
    ['with a terminal', ['--tty']],
  ] as const) {
    it(`a killed enter leaves no command, ${what}`, async () => {
      const child = rig.entering(...args, rig.plain, 'sleep', '100001');
      await rig.commandOf(rig.plain);
      child.kill('SIGKILL');
      await ended(child);
      await until(() => (rig.pidsOf(rig.plain).length === 1 ? true : undefined), 'the command to end');
    });
  }

  it('what the command of a killed enter has started ends with the app', async () => {
    const uuid = rig.run(rig.image, ...SLEEP);
    const child = rig.entering(uuid, 'sh', '-c', 'sleep 100002 & sleep 100001; true');
    await until(() => (rig.pidsOf(uuid).length === 4 ? true : undefined), 'the command and what it starts');
    child.kill('SIGKILL');
    await ended(child);
    await until(() => (rig.pidsOf(uuid).some((pid) => commOf(pid) === 'sh') ? undefined : true), 'the command to end');
    const left = rig.pidsOf(uuid).filter((pid) => pid !== '');
    assert.deepEqual(left.map(commOf), ['sleep', 'sleep', 'sleep']);
    rig.ok('stop', '--force', uuid);
    await until(() => (left.some((pid) => commOf(pid) === 'sleep') ? undefined : true), 'everything to end');
  });

  it('the app’s end is the command’s', async () => {
    const uuid = rig.run(
      rig.image,
      '--name=one',
      ...SLEEP,
      '---',
      rig.image,
      '--name=enter',
      '--exec=/bin/sh',
      '--',
      '-c',
      'sleep 100000 & wait',
    );
    const [first = ''] = rig.pidsOf(uuid).filter((pid) => commOf(pid) === 'sh');
    const child = rig.entering('--app=enter', uuid, 'sleep', '100001');
    const sleeps = (): number => rig.pidsOf(uuid).filter((pid) => commOf(pid) === 'sleep').length;
    await until(() => (sleeps() === 2 ? true : undefined), 'the command');
    process.kill(Number(first), 'SIGKILL');
    assert.equal((await ended(child)).status, 137);
    rig.podctl('stop', '--force', uuid);
  });

  it('the pod’s end is the command’s, and does not wait for it', async () => {
    const uuid = rig.run(rig.image, ...SLEEP);
    const child = rig.entering(uuid, 'sh', '-c', 'trap "" TERM; echo up; while :; do sleep 0.01; done');
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    const begun = Date.now();
    rig.ok('stop', uuid);
    assert.equal((await ended(child)).status, 137);
    assert.ok(Date.now() - begun < 20_000);
    assert.match(rig.ok('status', uuid), /^state=exited/);
  });

  it('an app that was restarted, in a cgroup that was killed before, can be entered', async () => {
    const uuid = rig.run(rig.image, '--restart=always', '--restart-delay=1ms', ...SLEEP);
    const first = rig.appPid(uuid);
    process.kill(Number(first), 'SIGKILL');
    await until(
      () => (rig.pidsOf(uuid).some((pid) => pid !== first && commOf(pid) === 'sleep') ? true : undefined),
      'the restart',
    );
    await until(() => (rig.enter(uuid, 'true').status === 0 ? true : undefined), 'a command');
    rig.ok('stop', '--force', uuid);
  });

  it('entering while the app ends either works or says that it has ended, and leaves nothing', async () => {
    for (let i = 0; i < 8; i += 1) {
      const uuid = rig.run(rig.image, '--exec=/bin/sleep', '--', `0.${i}`);
      const group = rig.cgroupOf(uuid);
      for (;;) {
        const { status, stderr } = rig.enter(uuid, 'true');
        if (status === 0 || status === 137) continue;
        assert.match(stderr, /^podctl: enter: (app-not-running|pod-wrong-state|pod-not-found): /);
        break;
      }
      await until(() => (fs.existsSync(group) ? undefined : true), 'the cgroup to go');
    }
  });
});
