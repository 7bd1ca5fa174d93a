/** 200 pods that come and go in every way there is, and a host that does not show it afterwards. */
import assert from 'node:assert/strict';
import { busyboxAci } from '../fixtures/aci';
import { type Census, takeCensus } from '../fixtures/census';
import { command, needsHost, type Outcome, output, Rig, until } from '../rig/rig';

const ROUNDS = 20;
const BROKEN = { name: 'rootfs/bin/broken', mode: 0o755, content: 'no program\n' };
const FOREVER = ['--exec=/bin/sleep', '--', '1000'];

describe('200 pods', function () {
  this.timeout(600_000);
  let rig: Rig;
  let image: string;

  before(function () {
    needsHost(this);
    rig = new Rig();
    image = rig.write('hello.aci', busyboxAci({ name: 'example.com/hello', exec: ['/bin/true'], files: [BROKEN] }));
  });
  after(() => rig?.dispose());

  const run = (...args: readonly string[]): Promise<Outcome> =>
    rig.start('--insecure-options=image', 'run', '--net=none', ...args).ended;
  const sh = (script: string): Promise<Outcome> => run(image, '--exec=/bin/sh', '--', '-c', script);

  async function ends(pod: Promise<Outcome>, status: number): Promise<void> {
    const outcome = await pod;
    assert.equal(outcome.status, status, outcome.stderr);
  }

  async function detached(...args: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await run('--detach', ...args);
    assert.equal(status, 0, stderr);
    return stdout.trim();
  }

  const ended = (uuid: string): Promise<true> =>
    until(() => (/^state=exited/m.test(rig.ok('status', uuid)) ? true : undefined), `${uuid} to end`);

  /** Ten pods, each with an end of its own. */
  const ways: readonly (() => Promise<void>)[] = [
    () => ends(sh('exit 0'), 0),
    () => ends(sh('exit 3'), 3),
    () => ends(sh('kill -9 $$'), 137),
    () => ends(sh('sleep 1000 & sleep 1000 & exit 0'), 0),
    () => ends(run(image, '--name=one', image, '--name=two', '--exec=/bin/false'), 1),
    async () => void rig.ok('stop', await detached(image, ...FOREVER)),
    async () => void rig.ok('stop', '--force', await detached(image, ...FOREVER)),
    async () => {
      const uuid = await detached(image, ...FOREVER);
      output('systemctl', 'kill', '--signal=KILL', `podctl-${uuid}.service`);
      await ended(uuid);
    },
    async () => {
      const uuid = await detached(image, ...FOREVER);
      output('machinectl', 'terminate', `podctl-${uuid}`);
      await ended(uuid);
    },
    // Fails in the executor: stage0 sees a program, the kernel does not.
    () => ends(run(image, '--exec=/bin/broken'), 254),
  ];

  /** Once two in a row are the same: servers let go of what was theirs when they hear of a death. */
  function settledCensus(): Promise<Census> {
    let last = '';
    return until(() => {
      const census = takeCensus();
      const text = JSON.stringify(census);
      if (text === last) return census;
      last = text;
      return undefined;
    }, 'the host to be at rest');
  }

  async function sameAs(before: Census): Promise<void> {
    let differences: readonly string[] = [];
    // machined and journald let go when they hear of a death, which is soon.
    const look = (): true | undefined => {
      const now = takeCensus();
      differences = Object.keys(before).filter((kind) => JSON.stringify(before[kind]) !== JSON.stringify(now[kind]));
      return differences.length === 0 ? true : undefined;
    };
    try {
      await until(look, 'the host to be as before');
    } catch {
      // ignored: what differs is told below
      const now = takeCensus();
      for (const kind of differences) assert.deepEqual(now[kind], before[kind], kind);
    }
  }

  it('leave no mount, cgroup, process, namespace, unit, machine, open file or file behind', async () => {
    rig.ok('gc', '--grace-period=0');
    // Servers open some files with their first client and keep them.
    await Promise.all(ways.map((way) => way()));
    rig.ok('gc', '--grace-period=0');
    command(['journalctl', '--sync']);
    const before = await settledCensus();
    for (let round = 0; round < ROUNDS; round += 1) {
      await Promise.all(ways.map((way) => way()));
    }
    rig.ok('gc', '--grace-period=0');
    assert.deepEqual(rig.leftovers(), []);
    await sameAs(before);
  });
});
